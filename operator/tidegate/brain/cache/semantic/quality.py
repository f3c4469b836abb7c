"""How often answers to similar questions were wrong, and what becomes of them. Pure: times and draws of chance are arguments.

| state     | what is known of the last hits that were judged               | then                                                    |
|-----------|---------------------------------------------------------------|---------------------------------------------------------|
| On        | the interval's lower end is at most `max_false_hits`          | On                                                      |
| On        | the lower end is above it: it is worse than allowed, surely   | ExactOnly, and the record begins anew                   |
| ExactOnly | the interval's upper end is above `max_false_hits`            | ExactOnly                                               |
| ExactOnly | the upper end is at most that, or MOST in a row were right    | On, and the record begins anew                          |

Judged are, while it is On, `sample` of the hits, for which an engine has to be asked besides; while it is ExactOnly, all that would have been hits: an
engine answers them anyway. So it comes back when as many would-be hits were right as it takes (for 1 % 368 without a wrong one), not after a time.

Why the lower end: with a point estimate the first wrong hit would end it (1 of 20 is 5 %), and with the upper end it could never begin. The interval is
that of Clopper and Pearson (Biometrika 26, 1934, p. 404), which never covers less than it says: near 0 and with few trials, where this is used,
Wilson's covers too little on that side (Brown, Cai and DasGupta, Statistical Science 16, 2001, p. 101).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

State = Literal["On", "ExactOnly"]

CONFIDENCE: Final = 0.95
SURE: Final = 0.99
"""Of the interval by which it is switched off. That is looked at after every hit that is judged, and every look may err: where exactly 1 % are wrong and
1 % are allowed, 4 % of 400 simulated runs of 2,000 judged hits were switched off, and with CONFIDENCE 14 % (docs/semantic-cache.md)."""
MOST: Final = 2_000
"""Judged hits that are remembered."""
OLDEST: Final = 7 * 86_400.0
"""Seconds after which one is forgotten: traffic and models change."""
LATER: Final = 1e-3
"""Seconds by which a change comes after the one before, whatever the clock of the router that found that one."""
_STEPS: Final = 40
"""Of bisection, to 2^-40."""


class Interval(NamedTuple):
    """Of a share, 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Report:
    """What people are told."""

    state: State
    judged: int
    wrong: int
    interval: Interval
    """95 %."""
    says: str
    """Why it is ExactOnly; empty while it is On."""


class Quality:
    """Of one tier."""

    def __init__(self, max_false_hits: float) -> None:
        self._most_wrong = max_false_hits
        self._hits: deque[tuple[float, bool]] = deque()
        self._wrong = 0
        self._why = ""
        self.since = 0.0
        """When it came into this state, seconds of the clock of who calls; 0 while it has had no other."""

    @property
    def why(self) -> str:
        """It is ExactOnly; empty while it is On."""
        return self._why

    @property
    def state(self) -> State:
        """Whether similar questions are answered."""
        return "ExactOnly" if self._why else "On"

    def judged(self, right: bool, now: float) -> bool:
        """Remembers a hit, or one that would have been; whether that changes the state."""
        self._hits.append((now, right))
        self._wrong += not right
        self._forget(now)
        why = self._verdict(right)
        if bool(why) == bool(self._why):
            return False
        self._turn(why, max(now, self.since + LATER))
        return True

    def follow(self, why: str, since: float) -> bool:
        """What another router has found, where it is newer than what is known here; whether that changes the state."""
        if since <= self.since:
            return False
        changed = bool(why) != bool(self._why)
        if changed:
            self._turn(why, since)
        else:
            self._why, self.since = why, since
        return changed

    def _turn(self, why: str, since: float) -> None:
        self._why, self.since = why, since
        self._hits.clear()
        self._wrong = 0

    def report(self, now: float) -> Report:
        """Of now."""
        self._forget(now)
        judged, wrong = len(self._hits), self._wrong
        return Report(self.state, judged, wrong, interval(wrong, judged), self._why)

    def _verdict(self, right: bool) -> str:
        """Why it is to be ExactOnly. Only a wrong hit makes things worse and only a right one better, and the share that was seen lies in every
        interval: that saves most of the work."""
        judged, wrong, most = len(self._hits), self._wrong, self._most_wrong
        if right != bool(self._why):
            return self._why
        if not self._why:
            bounds = interval(wrong, judged, SURE) if wrong > most * judged else Interval(0, 1)
            return _worse(judged, wrong, bounds, most) if bounds.low > most else ""
        clean = wrong <= most * judged and (interval(wrong, judged).high <= most or (judged == MOST and not wrong))
        return "" if clean else self._why

    def _forget(self, now: float) -> None:
        while len(self._hits) > MOST or (self._hits and self._hits[0][0] < now - OLDEST):
            _, right = self._hits.popleft()
            self._wrong -= not right


def sampled(share: float, draw: float) -> bool:
    """Whether a hit is one to judge; `draw` is even between 0 and 1."""
    return draw < share


def interval(wrong: int, judged: int, confidence: float = CONFIDENCE) -> Interval:
    """Of the share of wrong ones where `wrong` of `judged` were; from 0 to 1 where nothing is known."""
    tail = (1 - confidence) / 2
    ways = _ways(wrong, judged)
    low = 0.0 if wrong == 0 else _root(lambda share: 1 - _chance(ways[:wrong], judged, share) < tail)
    high = 1.0 if wrong == judged else _root(lambda share: _chance(ways, judged, share) > tail)
    return Interval(low, high)


def _ways(wrong: int, judged: int) -> list[float]:
    """Logarithms of how many ways there are for 0 to `wrong` of `judged`."""
    whole = math.lgamma(judged + 1)
    return [whole - math.lgamma(k + 1) - math.lgamma(judged - k + 1) for k in range(wrong + 1)]


def _chance(ways: list[float], judged: int, share: float) -> float:
    """That fewer than `len(ways)` of `judged` are wrong where each is with this chance."""
    log, log_not = math.log(share), math.log1p(-share)
    return min(1.0, math.fsum([math.exp(way + k * log + (judged - k) * log_not) for k, way in enumerate(ways)]))


def _root(below: Callable[[float], bool]) -> float:
    """Where `below` ceases to hold."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def _worse(judged: int, wrong: int, bounds: Interval, most: float) -> str:
    return (
        f"{wrong} of {judged} answers to similar questions that were looked at were wrong, so at least {bounds.low:.1%} of all are, and "
        f"maxFalseHits is {most:.1%}; only questions that are the same word for word are answered until as many are right as it takes"
    )
