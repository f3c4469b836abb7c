"""Parts of limits that are counted before anybody asks for them, and given to Envoy: as long as a client's holds, its requests pass without a
question (native/src/allowance.rs).

an allowance                                       then
------------------------------------------------   -----------------------------------------------------------------
a client asks twice within LATELY, or of its       its limits are charged for some requests more (pace.py), all or none
  last one little is left
they are counted                                   the answer to its question has them
HOLDS is over, or the slice of any window in       Envoy takes no more of it; what it has not taken is given back,
  which it was counted                               GRACE later
nobody can tell what was taken                     all of it was: in doubt a client has less
it was nearly too late, or there is no slot        all of it is given back at once

So windows never hold more than a limit, and what was let through lies in the slice in which it was counted. No limits by address have
allowances: one could not tell whose a request is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tidegate.brain.limits import answer, pace
from tidegate.brain.limits.answer import Counted
from tidegate.brain.limits.ledger import SLOTS, Ledger
from tidegate.brain.limits.pace import QUARTER, Lately, Size
from tidegate.brain.limits.reservation import Part
from tidegate.brain.limits.rules import Price

HOLDS: Final = 1000
"""Milliseconds: for so long a limit, or a client, may have changed already."""
SHORTEST: Final = 100
"""Milliseconds: less is not worth a question."""
GRACE: Final = 100
"""Milliseconds for who has looked at the clock and is about to write down what it takes."""
MOST_KNOWN: Final = 1 << 14
"""Clients."""
ANY: Final = 1 << 62
"""Room where nothing is counted."""


class Whose(NamedTuple):
    """Of whose requests."""

    model: str
    client: str
    path: str


Counters = tuple[tuple[bool, str], ...]
"""Keys: of limits of tokens, or of requests."""


@dataclass(slots=True)
class _Charging:
    size: Size
    counters: Counters
    stale: bool = False
    """Limits are other ones since."""


@dataclass(slots=True)
class _Given:
    whose: Whose
    identity: int
    slot: int
    late: int
    """Milliseconds of the clock that nobody sets: when little of its time is left."""
    over: int
    """The same: when Envoy takes no more of it."""
    size: Size
    parts: tuple[tuple[bool, Part], ...]
    """Of limits of tokens, or of requests."""
    used: Size
    """As far as it is known."""
    told: str
    """What Envoy has to be told of it, but for its first words; empty when it was."""

    @property
    def counters(self) -> Counters:
        """Those of its parts."""
        return tuple((of_tokens, part.key) for of_tokens, part in self.parts)


class Allowances:
    """Of one router. `back` takes a part of a counter, and what was used of it; `now` is in milliseconds of the clock on the wall, `passed` of one
    that nobody sets; `identity` is a first one, which no other brain of this router should have."""

    def __init__(
        self, back: Callable[[Part, int], None], now: Callable[[], int], passed: Callable[[], int], identity: int
    ) -> None:
        self._back, self._now, self._passed, self._identity = back, now, passed, identity
        self.ledger = Ledger()
        self._free = list(range(SLOTS - 1, -1, -1))
        self._lately: dict[Whose, Lately] = {}
        self._charging: dict[Whose, _Charging] = {}
        self._given: dict[int, _Given] = {}
        """By identity: all that are not settled."""
        self._last: dict[Whose, _Given] = {}
        """Those of them that may have room."""
        self._held: Counter[str] = Counter()
        """By key of a counter: what is given and, as far as is known, not used."""
        self._coming: Counter[str] = Counter()
        """The same of what is being charged."""
        self._some = asyncio.Event()

    def forget(self) -> None:
        """Limits are other ones from now on."""
        self._lately.clear()
        self._last.clear()
        for charging in self._charging.values():
            charging.stale = True

    def wanted(self, whose: Whose, cost: int, counted: Sequence[Counted], routers: int) -> Size | None:
        """What should be charged in advance, now that a request of `cost` tokens was `counted`; then `charged` or `refused` must be called."""
        if not self.ledger.is_open or whose in self._charging or self._has_room(whose, cost):
            return None
        now = self._now()
        count = pace.requests(self._lately.get(whose), now)
        self._remember(whose, now)
        size = pace.fitted(count, cost, self._may(counted, routers)) if count and _in_slice(counted, now) else None
        if size:
            counters = tuple((rule.tokens, charge.key) for rule, charge, _ in counted)
            self._charging[whose] = _Charging(size, counters)
            _add(self._coming, counters, size)
        return size

    def _may(self, counted: Iterable[Counted], routers: int) -> Size:
        """How much may be given of all limits of a request that was counted."""
        may = [ANY, ANY]
        for rule, charge, verdict in counted:
            left = charge.amount - verdict.used - charge.cost
            room = pace.part(left, self._held[charge.key], routers) - self._coming[charge.key]
            may[rule.tokens] = min(may[rule.tokens], room)
        return Size(*may)

    def _use(self, given: _Given, used: Size) -> None:
        _add(self._held, given.counters, Size(given.used.requests - used.requests, given.used.tokens - used.tokens))
        given.used = used

    def _has_room(self, whose: Whose, cost: int) -> bool:
        """Whether it has an allowance of which enough is left: Envoy does not know of it yet."""
        last = self._last.get(whose)
        if last is None:
            return False
        used = self.ledger.taken(last.slot, last.identity) or last.size
        self._use(last, used)
        if self._passed() < last.late and not pace.is_scarce(last.size, used, cost):
            return True
        self._is_over(last, used, cost)
        return False

    def _is_over(self, given: _Given, used: Size, cost: int) -> None:
        del self._last[given.whose]
        known = self._lately.get(given.whose)
        self._lately[given.whose] = pace.after(given.size, used, cost, self._now(), known.at if known else 0)

    def _remember(self, whose: Whose, now: int) -> None:
        if len(self._lately) >= MOST_KNOWN:
            self._lately = {who: known for who, known in self._lately.items() if now - known.at <= pace.LATELY}
        known = self._lately.get(whose)
        if known or len(self._lately) < MOST_KNOWN:
            self._lately[whose] = Lately(now, known.next if known else None)

    def refused(self, whose: Whose) -> None:
        """It was not charged."""
        self._come(whose)

    def _come(self, whose: Whose) -> _Charging:
        charging = self._charging.pop(whose)
        _add(self._coming, charging.counters, Size(-charging.size.requests, -charging.size.tokens))
        return charging

    def charged(self, whose: Whose, counted: Sequence[Counted], price: Price) -> None:
        """It was: Envoy is told with the answer."""
        charging, now = self._come(whose), self._now()
        size = charging.size
        parts = tuple((rule.tokens, Part(c.key, v.at, c.cost, c.slice_ms)) for rule, c, v in counted)
        until = min(now + HOLDS, *((part.at + 1) * part.slice_ms for _, part in parts))
        self._identity += 1
        late = charging.stale or until - now < SHORTEST
        if late or not self._free or not self.ledger.begin(self._free[-1], self._identity):
            self._take_back(parts, Size(0, 0))
            return
        over = self._passed() + until - now
        little = over - (until - now) // QUARTER
        told = _written(whose, size, counted, price)
        given = _Given(whose, self._identity, self._free.pop(), little, over, size, parts, Size(0, 0), told)
        self._given[given.identity] = self._last[whose] = given
        _add(self._held, given.counters, size)
        self._some.set()

    def ready(self, whose: Whose) -> str:
        """What Envoy is told with an answer; empty where there is nothing, or too late."""
        given = self._last.get(whose)
        if given is None or not given.told or (rest := given.over - self._passed()) < SHORTEST:
            return ""
        told, given.told = given.told, ""
        # by the clock as it is now: it may have been set since
        return f"{given.identity} {given.slot} {self._now() + rest} {told}"

    def settle(self) -> None:
        """Gives back what was not taken of those that are over."""
        late = self._passed() - GRACE
        for given in [given for given in self._given.values() if given.over <= late]:
            used = self.ledger.taken(given.slot, given.identity) or given.size
            self._take_back(given.parts, used)
            self._use(given, given.size)
            self._free.append(given.slot)
            del self._given[given.identity]
            if self._last.get(given.whose) is given:
                self._is_over(given, used, 0)

    def _take_back(self, parts: Iterable[tuple[bool, Part]], used: Size) -> None:
        for of_tokens, part in parts:
            self._back(part, used.tokens if of_tokens else used.requests)

    async def run(self) -> None:
        """Settles; never returns."""
        while True:
            await self._some.wait()
            await asyncio.sleep(GRACE / 1000)
            self.settle()
            if not self._given:
                self._some.clear()


def _add(held: Counter[str], counters: Counters, more: Size) -> None:
    for of_tokens, key in counters:
        held[key] += more.tokens if of_tokens else more.requests
        if not held[key]:
            del held[key]


def _in_slice(counted: Iterable[Counted], now: int) -> bool:
    """Whether who counted has the same time as this router, as far as slices tell."""
    return all(verdict.at == now // charge.slice_ms for _, charge, verdict in counted)


def _written(whose: Whose, size: Size, counted: Sequence[Counted], price: Price) -> str:
    """As native/src/allowance.rs reads it, after `ID SLOT UNTIL`."""
    longest = ANY if price.longest is None else price.longest
    assumed = "-" if price.assumed is None else price.assumed
    told = [
        f"told {unit} {charge.amount} {left} {rule.reset}"
        for unit, (left, (rule, charge, _)) in answer.least(counted).items()
    ]
    reserved = [f"reserved {c.key} {verdict.at} {c.slice_ms}" for rule, c, verdict in counted if rule.tokens]
    head = f"{size.requests} {size.tokens} {longest} {assumed}"
    return " ".join((head, *whose, *told, *reserved))
