"""What is written to a tier's store: later, in its order, and only so much at a time. Nobody waits for it.

what                     while the store is away        when it is lost on the way
----------------------   ----------------------------   --------------------------
an answer                dropped                        dropped
a vector                 dropped                        dropped
how questions stand      dropped                        dropped
keys to forget           waits, of the newest MOST      tried again
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tidegate.brain.cache.codec import Unfit, encode
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.match import about
from tidegate.brain.cache.stored import listing
from tidegate.brain.cache.stored.ground import Ground
from tidegate.brain.cache.stored.news import Forgotten, Purge, Vector, written
from tidegate.brain.cache.stored.standing import Standing
from tidegate.brain.cache.stored.standing import written as written_standing
from tidegate.brain.store.line import Line, Use
from tidegate.brain.store.resp import Away, Refused
from tidegate.brain.store.scripts import Script, script

PACKAGE: Final = "tidegate.brain.cache.stored"
PUT: Final = script(PACKAGE, "drop", "put")
FORGET: Final = script(PACKAGE, "drop", "forget")
TELL: Final = script(PACKAGE, "tell")
TIMEOUT: Final = 1.0
"""Seconds: large answers take a while, and nobody waits for them."""
MOST: Final = 1000
"""Things that wait."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Of answers that wait."""
AT_ONCE: Final = 16
"""Things that are under way to the store together."""
LARGE: Final = 16 * 1024
"""Bytes from which on an answer is compressed beside the loop: 0.2 ms of it."""
BESIDES: Final = 512
"""Bytes that an answer takes in a store besides its own: its name twice, its place by expiry, its TTL, what is known of it."""
ROUNDED: Final = 8
"""One part in so many of an answer is what an allocator rounds up, on average: https://jemalloc.net/jemalloc.3.html#size_classes"""


@dataclass(frozen=True, slots=True)
class Drop:
    """Keys of what is damaged here: nobody is told."""

    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Stands:
    """What is read under a name."""

    name: str
    standing: Standing


Losable: TypeAlias = Entry | Vector | Stands
Job: TypeAlias = Losable | Forgotten | Drop


class Writing:
    """Of one tier."""

    def __init__(self, line: Callable[[Use, Callable[[], None]], Line], ground: Ground) -> None:
        """`line` makes one for a use, and what is to be done whenever it is connected."""
        self._ground = ground
        self._waiting: deque[Job] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self.line = line(Use("answers are stored", (PUT, FORGET, TELL), TIMEOUT, ground.names.index), self._news.set)
        self.refusal = ""
        """What the store said when it last refused; empty since it took something."""

    def add(self, job: Job) -> None:
        """Soon, or never."""
        losable = isinstance(job, Losable)
        size = len(job.answer) if isinstance(job, Entry) else 0
        if losable and (not self.line.ready or len(self._waiting) >= MOST or self._bytes + size > MOST_BYTES):
            self._ground.meters.dropped += 1
            return
        self._waiting.append(job)
        self._bytes += size
        if len(self._waiting) > 2 * MOST:
            self._take()
        self._news.set()

    def without(self, unwanted: Callable[[Entry], bool]) -> None:
        """These answers are not stored after all."""
        kept = [job for job in self._waiting if not (isinstance(job, Entry) and unwanted(job))]
        self._waiting = deque(kept)
        self._bytes = sum(len(job.answer) for job in kept if isinstance(job, Entry))

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting and self.line.ready:
                jobs = [self._take() for _ in range(min(AT_ONCE, len(self._waiting)))]
                sent = [(job, future) for job in jobs for future in await self._send(job)]
                await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
                for job, future in sent:
                    self._done(job, future)

    def _take(self) -> Job:
        job = self._waiting.popleft()
        self._bytes -= len(job.answer) if isinstance(job, Entry) else 0
        return job

    async def _send(self, job: Job) -> list[asyncio.Future[Any]]:
        match job:
            case Entry():
                return await self._put(job)
            case Vector():
                return [self.tell(job)]
            case Forgotten():
                return [self.forget(job.keys), self.tell(job)]
            case Drop():
                return [self.forget(job.keys)]
            case Stands():
                lasts = self._ground.room.told_ms
                return [self.line.send("SET", job.name, written_standing(job.standing), "PX", lasts)]

    async def _put(self, entry: Entry) -> list[asyncio.Future[Any]]:
        room = self._ground.room
        try:
            large = len(entry.answer) > LARGE
            value = await asyncio.to_thread(encode, entry, room.answer) if large else encode(entry, room.answer)
            lasts = int((entry.expires - self._ground.now()) * 1000)
        except Unfit:
            value, lasts = b"", 0
        if lasts <= 0 or len(value) > room.answers:
            self._ground.meters.dropped += 1
            return []
        known = listing.written(len(value) + len(value) // ROUNDED + BESIDES, about(entry))
        return [self._script(PUT, entry.key, value, lasts, known, room.answers)]

    def forget(self, keys: tuple[bytes, ...]) -> asyncio.Future[list[int]]:
        """How many there were, and the bytes that are left. Fails with Away."""
        return self._script(FORGET, *keys)

    def tell(self, news: Vector | Purge | Forgotten) -> asyncio.Future[int]:
        """All other routers, at once. Fails with Away."""
        text = written(news, self._ground.origin)
        most = max(1, self._ground.room.feed // max(1024, len(text) + 128))
        must = int(not isinstance(news, Vector))
        keys = (self._ground.names.feed, self._ground.names.told)
        return self.line.run_script(TELL, keys, (text, most, self._ground.room.told_ms, must))

    def _script(self, what: Script, *arguments: bytes | int) -> asyncio.Future[Any]:
        names = self._ground.names
        return self.line.run_script(what, (names.index, names.sizes), (names.answers, *arguments))

    def _done(self, job: Job, future: asyncio.Future[Any]) -> None:
        error = future.exception()
        if isinstance(error, Away):
            self.refusal = str(error) if isinstance(error, Refused) else self.refusal
            if isinstance(job, Losable):
                self._ground.meters.dropped += 1
            elif job not in self._waiting:
                self._waiting.appendleft(job)
            return
        self.refusal = ""
        if isinstance(job, Entry):
            self._put_told(*future.result())

    def _put_told(self, stored: int, total: int, entries: int, left: int) -> None:
        meters = self._ground.meters
        meters.bytes, meters.entries = total, entries
        meters.evicted += left
        meters.puts += stored
        meters.dropped += 1 - stored
