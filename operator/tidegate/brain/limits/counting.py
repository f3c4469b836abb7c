"""Limits put together: a request is counted by the store, or here while it is away; its record settles what it used.

store            then a request is counted
--------------   ------------------------------------------------------------------------------------------------
none named       here, against whole limits: each router for itself
answers          there, exactly; and here besides, so that this router knows its own part
is away          here, against 1/replicas of each limit, rounded up, less what this router let through before.
                   What all routers let through in one window is at most the limit and one for each of them, if they had equal
                   parts before; at worst, if one had all of it, 2 - 1/replicas times the limit
is back          here as before, until it is told what was let through meanwhile, or all that this router let through if it has lost what it
                   held; then there
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from secrets import randbits
from typing import Final

from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.wire import Reply
from tidegate.brain.limits import answer, asking, reservation
from tidegate.brain.limits.allowances import Allowances
from tidegate.brain.limits.answer import Counted, fits
from tidegate.brain.limits.owed import Owed
from tidegate.brain.limits.question import Advance, Question
from tidegate.brain.limits.rules import Cost, Rules
from tidegate.brain.limits.store import Store, verdicts
from tidegate.brain.limits.windows import Verdict, Windows
from tidegate.brain.records.record import Record
from tidegate.brain.store.resp import Away
from tidegate.contract.limits import Limits
from tidegate.contract.router_config import RouterConfig
from tidegate.names import ALLOWANCE_HEADER, RESERVED_HEADER

log = logging.getLogger("tidegate.brain")

OK: Final = b"HTTP/1.1 200 OK\r\n"
SWEEP: Final = 10.0
"""Seconds between two looks for counters of which nothing counts any more."""
FLUSH: Final = 0.02
"""Seconds for which what records say waits for more of them."""
MOST: Final = 200
"""Counters that a store is told of at once."""


def milliseconds() -> int:
    """Of the clock on the wall, as stores have it."""
    return time.time_ns() // 1_000_000


def monotonic() -> int:
    """Of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


class Counting:
    """Of one router."""

    def __init__(self, now: Callable[[], int] = milliseconds, passed: Callable[[], int] = monotonic) -> None:
        self._now = now
        self._limits: Limits | None = None
        self._rules: Rules | None = None
        self._shared = False
        """Whether a store counts, or did until limits were taken away: they may come again, and what is used counts then, too."""
        self._told = False
        """Whether anything is known of limits."""
        self._windows = Windows()
        self._owed = Owed()
        self._flushing: asyncio.Task[None] | None = None
        self._ahead = False
        """The store does not know yet what was let through while it was away."""
        self._back = False
        """It is back, and was not asked yet whether it still has what it held."""
        self._life: bytes | None = None
        """Of the counts that were asked last; another store, too, has another one."""
        self.allowances = Allowances(self._adjust, now, passed, randbits(62))
        self.store: Store | None = None
        self.refused: Counter[str] = Counter()
        """Requests that were, by limit."""

    @property
    def limits(self) -> Limits | None:
        """Those in force."""
        return self._limits

    @property
    def is_shared(self) -> bool:
        """Whether all routers of the policy count together at this moment."""
        return self.store is not None and self.store.ready and not self._ahead

    def follow(self, config: RouterConfig) -> None:
        """These from now on; what was counted stays."""
        self._told = True
        if config.limits != self._limits:
            self._limits = config.limits
            self._shared = config.limits.store is not None if config.limits else self._shared
            self.allowances.forget()
            self._rules = Rules(config.limits, f"{config.namespace}/{config.policy}") if config.limits else None

    def ask(self, ask: Ask, reply: Callable[[], bytes], unknown: bytes, *, allow: bool = True) -> Reply:
        """What Envoy is told: a refusal, or `reply` with what is left; `unknown` where nothing is known of limits. Requests that came
        before limits were taken away ask about them still. `allow`: others of its kind may have an allowance."""
        rules = self._rules
        if rules is None:
            return reply() if self._told else unknown
        try:
            asked = asking.read(ask.model, ask.path, ask.asks)
        except ValueError:
            return unknown
        question = Question(ask, asked, rules, rules.cost(asked), reply, allow)
        if self.store is not None and self.is_shared:
            return self._together(question, self.store)
        return self._alone(question)

    def _alone(self, question: Question) -> bytes:
        limits, rules = self._limits, question.rules
        share = limits.replicas if limits and limits.store else 1
        charges = rules.charges(question.asked, question.cost, share)
        seen = self._windows.look(self._now(), charges)
        counted = list(zip(rules.each, charges, seen, strict=True))
        if fits(counted):
            self._count_alone(counted)
            self._allow_alone(question, counted)
        return self._said(question, counted)

    def _count_alone(self, counted: Sequence[Counted]) -> None:
        self._count(counted)
        if self._shared:
            self._ahead = True
            self._owe((c.key, v.at, c.cost, c.slice_ms) for _, c, v in counted)

    def _together(self, question: Question, store: Store) -> asyncio.Future[bytes]:
        """A future and no task: a task costs as much as the rest of a decision."""
        rules = question.rules
        charges = rules.charges(question.asked, question.cost)
        later: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def told(done: asyncio.Future[list[int]]) -> None:
            seen = _told(done)
            counted = list(zip(rules.each, charges, seen, strict=True)) if seen else []
            if counted and fits(counted):
                self._count(counted)
                self._allow(question, counted, store, lambda: self._answer(later, question, counted))
            elif not later.cancelled():
                later.set_result(self._said(question, counted) if seen else self._alone(question))

        store.admit(charges).add_done_callback(told)
        return later

    def _answer(self, later: asyncio.Future[bytes], question: Question, counted: Sequence[Counted]) -> None:
        if later.cancelled():
            # its client has left, and no record will tell of what is reserved now
            self._give_back(counted)
        else:
            later.set_result(self._said(question, counted))

    def _count(self, counted: Iterable[Counted]) -> None:
        for _, charge, verdict in counted:
            self._windows.add(charge.key, verdict.at, charge.cost, charge.slice_ms)

    def _allow(self, question: Question, counted: Sequence[Counted], store: Store, then: Callable[[], None]) -> None:
        """Charges for some requests more, if this client comes often."""
        advance = self._advance(question, counted)
        if advance is None:
            then()
            return

        def told(done: asyncio.Future[list[int]]) -> None:
            self._charged(advance, _told(done), self._count)
            then()

        store.admit(advance.charges).add_done_callback(told)

    def _allow_alone(self, question: Question, counted: Sequence[Counted]) -> None:
        advance = self._advance(question, counted)
        if advance:
            self._charged(advance, self._windows.look(self._now(), advance.charges), self._count_alone)

    def _advance(self, question: Question, counted: Sequence[Counted]) -> Advance | None:
        limits, rules = self._limits, question.rules
        if not (question.allow and limits and rules is self._rules) or rules.by_address:
            return None
        cost, routers = question.cost, limits.replicas if limits.store else 1
        size = self.allowances.wanted(question.whose, cost.prompt + cost.answer, counted, routers)
        if size is None:
            return None
        charges = [c._replace(cost=size.tokens if rule.tokens else size.requests) for rule, c, _ in counted]
        return Advance(question, charges)

    def _charged(self, advance: Advance, seen: Sequence[Verdict], count: Callable[[Sequence[Counted]], None]) -> None:
        question, charges = advance
        more = list(zip(question.rules.each, charges, seen, strict=True)) if seen else []
        if more and fits(more):
            count(more)
            self.allowances.charged(question.whose, more, question.rules.price(question.asked))
        else:
            self.allowances.refused(question.whose)

    def _said(self, question: Question, counted: Sequence[Counted]) -> bytes:
        if not fits(counted):
            self.refused.update(rule.name for rule, _, _ in answer.full(counted))
            return answer.refusal(counted, question.ask.path, question.ask.request)
        allowed = self.allowances.ready(question.whose) if question.allow else ""
        head = answer.headers(counted, taken=True) + _reserved(counted, question.cost)
        told = f"{ALLOWANCE_HEADER}: {allowed}\r\n" if allowed else ""
        return OK + (head + told).encode() + question.reply()[len(OK) :]

    def _give_back(self, counted: Iterable[Counted]) -> None:
        """Tokens; a request stays one."""
        for rule, charge, verdict in counted:
            if rule.tokens:
                self._adjust(reservation.Part(charge.key, verdict.at, charge.cost, charge.slice_ms), 0)

    def settle(self, record: Record) -> None:
        """A request has ended."""
        if not record.reserved:
            return
        try:
            made = reservation.read(record.reserved)
        except ValueError:
            log.warning("what was reserved for a request cannot be read; it stays reserved")
            return
        used = reservation.used(record, made.prompt)
        if used is not None:
            for part in made.parts:
                self._adjust(part, used)

    def _adjust(self, part: reservation.Part, used: int) -> None:
        more = used - part.cost
        self._windows.add(part.key, part.at, more, part.slice_ms)
        if self._shared:
            self._owe([(part.key, part.at, more, part.slice_ms)])

    def _owe(self, parts: Iterable[tuple[str, int, int, int]]) -> None:
        for key, at, more, width in parts:
            self._owed.add(key, at, more, width)
        self.flush()

    def back(self) -> None:
        """The store answers again."""
        self._ahead = self._back = True
        self.flush()

    def flush(self) -> None:
        """The store is told what it does not know, soon."""
        if self.store and self.store.ready and not self._flushing:
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            await asyncio.sleep(FLUSH)
            self._owed.sweep(self._now())
            while self.store and self.store.ready and await self._tell(self.store):
                pass
        finally:
            self._flushing = None

    async def _tell(self, store: Store) -> bool:
        """Whether there was anything that it did not know."""
        if self._back:
            await self._recognise(store)
            return True
        parts = self._owed.take(MOST)
        told = store.settle(parts) if parts else None
        # what is asked from now on comes after it, on the same line
        self._ahead = self._ahead and len(self._owed) > 0
        if told is None:
            return False
        try:
            await told
        except Away:
            self._owed.unsure(parts)
            self._ahead = True
        return True

    async def _recognise(self, store: Store) -> None:
        before = self._life
        try:
            if self._rules:
                self._life = await store.life(self._rules.life)
        except Away:
            return
        self._back = False
        if before not in (None, self._life):
            self._windows.sweep(self._now())
            self._owed = Owed()
            for part in self._windows.parts():
                self._owed.add(*part)

    async def run(self) -> None:
        """Forgets what is over; never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.allowances.run())
            while True:
                await asyncio.sleep(SWEEP)
                self._windows.sweep(self._now())
                self._owed.sweep(self._now())


def _told(done: asyncio.Future[list[int]]) -> list[Verdict]:
    """What the store has said; nothing if it is away."""
    return [] if done.cancelled() or done.exception() else verdicts(done.result())


def _reserved(counted: Iterable[Counted], cost: Cost) -> str:
    parts = [(charge, verdict.at) for rule, charge, verdict in counted if rule.tokens]
    return f"{RESERVED_HEADER}: {reservation.written(cost.prompt, parts)}\r\n" if parts else ""
