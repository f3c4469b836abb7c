"""Of requests that ask the same at the same time one asks an engine, and the others wait for its answer.

the one that asks                                   those who wait
-------------------------------------------------   -----------------------------------------------------------
is answered, and the answer may be kept             are given it
its client leaves, or its engine fails              one of them asks in its place; the others go on waiting
the same has happened PROMOTIONS times              all ask
its answer may not be kept                          all ask: each would get another one
nothing is heard of it for PATIENCE                 each asks when its own patience is over
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tidegate.brain.cache.entry import Entry

PATIENCE: Final = 60.0
"""Seconds that a request waits for another one's answer."""
PROMOTIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Given:
    """An answer, and from where it is."""

    entry: Entry
    source: str
    """`memory`, `exact` or `semantic`."""
    similarity: float = 1.0


@dataclass(frozen=True, slots=True)
class Yourself:
    """What is told to who has to ask an engine; `leads`: others wait for what becomes of it."""

    leads: bool


Outcome = Given | Yourself


@dataclass(slots=True)
class Flight:
    """One question that is under way."""

    digest: bytes
    keys: dict[str, bytes]
    """The key of the answer, by the destination that gives it."""
    begun: float
    """Seconds of the loop's clock."""
    waiting: deque[asyncio.Future[Outcome]] = field(default_factory=deque)
    promoted: int = 0
    outcome: Outcome | None = None
    """How it ended; None while it has not. Who was told to wait for it may come when it is over."""
    overtaken: bool = False
    """Whether somebody has asked since who would not have what was kept: its answer is for those who wait for it alone."""


class Flights:
    """All of one cache's."""

    def __init__(self) -> None:
        self._flying: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._flying)

    def of(self, digest: bytes, keys: dict[str, bytes], now: float) -> Flight | None:
        """The one to wait for; None where nobody asks, those who answer now are others than when somebody asked, or nothing was heard for
        too long."""
        found = self._flying.get(digest)
        return found if found and found.keys == keys and now - found.begun < PATIENCE else None

    def begin(self, digest: bytes, keys: dict[str, bytes], now: float) -> Flight:
        """Somebody asks. One that nothing is heard of is nobody's to wait for any more."""
        made = self._flying[digest] = Flight(digest, keys, now)
        return made

    def overtake(self, digest: bytes) -> None:
        """Somebody asks anew, whatever is under way."""
        if found := self._flying.get(digest):
            found.overtaken = True

    async def wait(self, flight: Flight) -> Outcome:
        """For its end. Who leaves meanwhile leaves no trace, but when he has just been told to ask: then another one is."""
        if flight.outcome:
            return flight.outcome
        mine: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        flight.waiting.append(mine)
        try:
            async with asyncio.timeout(PATIENCE):
                return await mine
        except TimeoutError:  # it may have been told in the same moment
            return mine.result() if mine.done() and not mine.cancelled() else Yourself(leads=False)
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and isinstance(told := mine.result(), Yourself) and told.leads:
                self.failed(flight)
            raise

    @contextmanager
    def leading(self, flight: Flight) -> Iterator[None]:
        """While somebody looks for its answer: however that breaks off, nobody waits for nothing."""
        try:
            yield
        except BaseException:
            self.failed(flight)
            raise

    def answered(self, flight: Flight, given: Given) -> None:
        """It has its answer."""
        self._tell(flight, given)

    def given_up(self, flight: Flight) -> None:
        """Its answer is for nobody else."""
        self._tell(flight, Yourself(leads=False))

    def failed(self, flight: Flight) -> None:
        """It has none."""
        while flight.waiting and flight.waiting[0].done():
            flight.waiting.popleft()
        if not flight.waiting or flight.promoted >= PROMOTIONS:
            self._tell(flight, Yourself(leads=False))
            return
        flight.promoted += 1
        flight.begun = asyncio.get_running_loop().time()
        flight.waiting.popleft().set_result(Yourself(leads=True))

    def _tell(self, flight: Flight, outcome: Outcome) -> None:
        if self._flying.get(flight.digest) is flight:
            del self._flying[flight.digest]
        flight.outcome = outcome
        for each in flight.waiting:
            if not each.done():
                each.set_result(outcome)
        flight.waiting.clear()
