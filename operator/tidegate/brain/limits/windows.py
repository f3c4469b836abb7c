"""Windows that move with the clock, in slices: how much was used in each thirtieth of a window.

A count is the sum of the slices that the last window touches, the oldest one whole. So no window of that length, wherever it begins, sees
more than the limit; what was used comes back up to a slice late. A reservation is taken back from the slice in which it was made, so
that what is counted is in the end what was used: a bucket that refills (GCRA) would give it twice, once with time and once with the answer.
admit.lua and settle.lua do the same where many routers count together; tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

SLICES: Final = 30
MANY: Final = 2 * SLICES
"""Slices of one counter, of which some have left the window: to look at those of each counter would take long."""


class Charge(NamedTuple):
    """So much of one counter."""

    key: str
    amount: int
    """What the window may hold."""
    cost: int
    slice_ms: int


class Verdict(NamedTuple):
    """Of one counter, before the request is counted."""

    used: int
    at: int
    """Number of the slice that it would be counted in."""
    wait_ms: int
    """0 if it fits; else until it would, if nobody else comes; a whole window if it never does."""
    reset_ms: int
    """Where it does not fit: until all that is used now has left the window."""


@dataclass(slots=True)
class _Counter:
    oldest: int
    """Number of the oldest slice, or of an earlier one."""
    slice_ms: int
    slices: dict[int, int] = field(default_factory=dict)
    total: int = 0
    until: int = 0
    """Milliseconds of the clock: after which nothing of it counts."""


def slice_of(window_seconds: float) -> int:
    """Milliseconds of a slice, rounded up."""
    return -(-int(window_seconds * 1000) // SLICES)


class Windows:
    """All counters of one router. `now` is in milliseconds of a clock that everybody has: the store's, or the machine's."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def __len__(self) -> int:
        return len(self._counters)

    def look(self, now: int, charges: Sequence[Charge]) -> list[Verdict]:
        """What each of the counters says; nothing is counted."""
        return [self._look(now, charge) for charge in charges]

    def _look(self, now: int, charge: Charge) -> Verdict:
        key, amount, cost, width = charge
        at = now // width
        counter = self._counters.get(key)
        if counter is None:
            return Verdict(0, at, 0 if cost <= amount else width * SLICES, 0)
        if counter.oldest < at - SLICES:
            _forget(counter, at - SLICES)
        used = counter.total
        if used + cost <= amount:
            return Verdict(used, at, 0, 0)
        newest = max(counter.slices, default=at - SLICES - 1)
        return Verdict(used, at, _wait(counter, now, charge), max(0, (newest + SLICES + 1) * width - now))

    def add(self, key: str, at: int, count: int, slice_ms: int) -> None:
        """Counts so much in that slice; what is negative is taken back, as far as it is still there."""
        counter = self._counters.get(key)
        if counter is None:
            if count <= 0:
                return
            counter = self._counters[key] = _Counter(at, slice_ms)
        known = counter.slices.get(at)
        if known is None:
            if count > 0:
                counter.slices[at] = count
                counter.total += count
                counter.oldest = min(counter.oldest, at)
                counter.until = max(counter.until, (at + SLICES + 1) * slice_ms)
            return
        changed = known + count if known + count > 0 else 0
        counter.slices[at] = changed
        counter.total += changed - known

    def parts(self) -> Iterator[tuple[str, int, int, int]]:
        """All that is known: counter, slice, how much, milliseconds of a slice."""
        for key, counter in self._counters.items():
            for at, count in counter.slices.items():
                yield key, at, count, counter.slice_ms

    def sweep(self, now: int) -> None:
        """Forgets what does not count any more: of counters that only a store is asked about, nobody else does."""
        for key in [key for key, counter in self._counters.items() if counter.until <= now]:
            del self._counters[key]
        for counter in self._counters.values():
            if len(counter.slices) > MANY:
                _forget(counter, now // counter.slice_ms - SLICES)


def _forget(counter: _Counter, oldest: int) -> None:
    gone = [at for at in counter.slices if at < oldest]
    for at in gone:
        counter.total -= counter.slices.pop(at)
    counter.oldest = min(counter.slices, default=oldest)


def _wait(counter: _Counter, now: int, charge: Charge) -> int:
    _, amount, cost, width = charge
    over = counter.total + cost - amount
    for at in sorted(counter.slices):
        over -= counter.slices[at]
        if over <= 0:
            return max(1, (at + SLICES + 1) * width - now)
    return width * SLICES
