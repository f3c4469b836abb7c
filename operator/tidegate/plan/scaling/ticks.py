"""The last two minutes, look by look: the stable window of 60 s, and the panic windows of 5 to 30 s.

A panic window tells of a burst, when more has come in it than chance gives:

    got  > expected + 4 sqrt(F expected) + 1          expected: what came in the two minutes before it, at the window's length
    rate = (got - sqrt(F got)) / length               its lower bound of one sigma, so that a burst is not answered beyond what is sure

    35 are expected in 5 s, F = 1.2, 75 came: the limit is 35 + 4 sqrt(42) + 1 = 62; rate = (75 - sqrt(90)) / 5 = 13.1 requests/s

Where engines start slowly, short windows are left out (those under startup / 40, at most 30 s): the engine would come after the burst.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Final, NamedTuple

MEMORY: Final = 120.0
"""Seconds."""
STABLE: Final = 60.0
"""Seconds."""
PANIC: Final = (5.0, 10.0, 15.0, 30.0)
"""Seconds."""
SIGMAS: Final = 4.0
BEFORE: Final = 6
"""Looks that a burst is compared with, at least."""


class Tick(NamedTuple):
    """One look."""

    at: float
    span: float
    """Seconds since the look before."""
    arrived: int
    """Requests in them; -1: nobody knows."""
    work: float
    """Under way, in full engines."""
    requests: int
    """Running, waiting and held."""


@dataclass(frozen=True)
class Ticks:
    """Looks, the oldest first."""

    all: tuple[Tick, ...] = ()

    def then(self, tick: Tick) -> Ticks:
        """With one more."""
        return Ticks((*(one for one in self.all if tick.at - one.at < MEMORY), tick))

    @property
    def last(self) -> Tick:
        return self.all[-1]

    @cached_property
    def stable(self) -> Sequence[Tick]:
        """Those of the stable window."""
        return self._since(STABLE)

    @cached_property
    def rate(self) -> float | None:
        """Requests/s in the stable window; None: nobody knows."""
        return rate(self.stable)

    @property
    def work(self) -> float:
        """Mean of the stable window, in full engines."""
        stable = self.stable
        return sum(one.work for one in stable) / len(stable)

    @property
    def requests(self) -> float:
        """Mean of the stable window."""
        stable = self.stable
        return sum(one.requests for one in stable) / len(stable)

    @property
    def pair(self) -> tuple[int, int] | None:
        """Arrivals of the last two looks, where both are known and about as long."""
        if len(self.all) < 2:
            return None
        before, now = self.all[-2:]
        alike = 0.5 < now.span / max(before.span, 1e-9) < 2
        return (before.arrived, now.arrived) if alike and before.arrived >= 0 and now.arrived >= 0 else None

    def _since(self, window: float) -> Sequence[Tick]:
        begin = self.last.at - window
        return [one for one in self.all if one.at > begin]

    def bursts(self, dispersion: float, startup: float) -> Iterator[float]:
        """The rates of panic windows in which a burst came, in requests/s."""
        shortest = min(PANIC[-1], startup / 40)
        for window in (one for one in PANIC if one >= shortest):
            new = self._since(window)
            old = self.all[: -len(new)]
            if len(old) >= BEFORE and (found := _burst(old, new, dispersion)) is not None:
                yield found


def rate(ticks: Sequence[Tick]) -> float | None:
    """Requests/s of the looks that know."""
    known = [one for one in ticks if one.arrived >= 0]
    span = sum(one.span for one in known)
    return sum(one.arrived for one in known) / span if span > 0 else None


def _burst(old: Sequence[Tick], new: Sequence[Tick], dispersion: float) -> float | None:
    usual, now = rate(old), rate(new)
    if usual is None or now is None:
        return None
    span = sum(one.span for one in new if one.arrived >= 0)
    got, expected = now * span, usual * span
    if got <= expected + SIGMAS * sqrt(max(1.0, expected) * dispersion) + 1:
        return None
    return (got - sqrt(got * dispersion)) / span
