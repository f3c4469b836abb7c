"""A keyed work queue: a key that waits twice is worked on once, and never by two workers at a time.

A key that fails comes back after 0.2 s, 0.4 s ... up to 60 s, with jitter; success forgets the failures. A key added while
it is being worked on runs once more afterwards. The design is client-go's workqueue.

Keys belong to flows, which take turns: who brings a thousand keys at once keeps nobody else waiting. A key's start tag is
max(the tag worked on last, the tag of its flow's last key + 1); the lowest tag comes first, and within a flow who came first.
Goyal, Vin, Cheng: Start-time fair queueing, SIGCOMM 1996, with equal weights.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

FIRST_BACKOFF: Final = 0.2
LAST_BACKOFF: Final = 60.0


class WorkQueue(Generic[Key]):
    """Used from one event loop."""

    def __init__(self, flow: Callable[[Key], Hashable] = lambda _: None) -> None:
        self._flow = flow
        self._ready: asyncio.PriorityQueue[tuple[float, int, Key]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._waiting: dict[Key, float] = {}
        self._last: dict[Hashable, float] = {}
        self._worked_on = 0.0
        self._running: set[Key] = set()
        self._again: dict[Key, bool] = {}
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def add(self, key: Key, edited: bool = False) -> None:
        """Work on the key as soon as it is its turn. What users have edited is a flow of its own, beside the rest of the
        key's flow."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._running:
            self._again[key] = edited or self._again.get(key, False)
        else:
            self._enter(key, (self._flow(key), edited))

    def _enter(self, key: Key, flow: Hashable) -> None:
        """A key that waits already may wait at an earlier place from now on; its later place is void then."""
        tag = max(self._worked_on, self._last.get(flow, -1.0) + 1)
        if tag < self._waiting.get(key, math.inf):
            self._waiting[key] = self._last[flow] = tag
            self._ready.put_nowait((tag, next(self._order), key))

    async def _next(self) -> Key:
        while True:
            tag, _, key = await self._ready.get()
            if self._waiting.get(key) == tag:
                break
        del self._waiting[key]
        self._worked_on = tag
        if not self._waiting:
            self._last.clear()
        return key

    def add_after(self, key: Key, seconds: float) -> None:
        """Work on the key after a while; the earlier of two times counts."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        timer = self._timers.get(key)
        if timer and timer.when() <= due:
            return
        if timer:
            timer.cancel()
        self._timers[key] = loop.call_at(due, self.add, key)

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    async def run(self, workers: int, work: Callable[[Key], Awaitable[float | None]]) -> None:
        """Runs until cancelled. `work` returns the seconds until the key's next turn (None: when something happens) and
        raises to be tried again with back-off; it logs what it raises."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker(work))

    async def _worker(self, work: Callable[[Key], Awaitable[float | None]]) -> None:
        while True:
            key = await self._next()
            self._running.add(key)
            try:
                await self._once(key, work)
            finally:
                self._running.discard(key)
            if key in self._again:
                self.add(key, self._again.pop(key))

    async def _once(self, key: Key, work: Callable[[Key], Awaitable[float | None]]) -> None:
        try:
            next_turn = await work(key)
        except Exception:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self.add_after(key, backoff(failures, random.random()))
            return
        self._failures.pop(key, None)
        if next_turn is not None:
            self.add_after(key, next_turn)


def backoff(failures: int, chance: float) -> float:
    """Seconds after the n-th failure in a row; `chance` in [0, 1) spreads them over half to all of the time."""
    full = min(LAST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 20))
    return float(full * (0.5 + chance / 2))
