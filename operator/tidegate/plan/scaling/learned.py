"""What a model teaches about itself while it serves: how much one engine carries, and how its requests come.

Sums decay by half in ten minutes, so that all of them are means over the recent past:

    o        = max(KV use, running / maxNumSeqs)                         occupancy of an engine
    s        = sum o / sum running                                       footprint: the share of an engine that a request takes
    k        = sum rate / sum W                                          requests/s that fill one engine, at the use that it was learned at
    gamma    = slope / intercept of seconds per token over o             how much slower a full engine steps than an empty one; 0 to 3
    capacity = k (1 + gamma u) / (1 + 0.65 gamma)                        at the use that it will have; u: mean use that k was learned at
    F        = sum (a_i - a_(i-1))^2 / sum (a_i + a_(i-1))               dispersion of the arrivals a_i of 5 s; 1 is Poisson; 1 to 30

k is learned only while it is calm: no more requests wait than engines serve, all of them for more than 60 s, and they are more than 15 %
full. A saturated engine teaches a rate that breaks its latency, one that fills up one that is too high. As k is a ratio of sums, what is
decided comes back into it through the curve alone, which `gamma` takes out. F takes differences, so that a trend does not count.

    k = 2.70 learned at use 0.62 with gamma 0.4: capacity = 2.70 x 1.248 / 1.26 = 2.67
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tidegate.plan.scaling.seen import Seen
from tidegate.plan.scaling.ticks import Ticks

HALF_LIFE: Final = 600.0
"""Seconds."""
CALM_AGE: Final = 60.0
"""Seconds that an engine serves before what it does is typical."""
FADE: Final = 0.9995
"""Of the curve's sums, at each reading of an engine: one engine's memory is 2,000 readings long."""
FEW: Final = 50.0
"""Readings that tell nothing about a curve yet."""
TYPICAL: Final = 0.6
"""gamma until then, and what few readings are drawn to."""
USED: Final = 0.65
"""Use that capacity is told at."""


@dataclass(frozen=True)
class Learned:
    """Decayed sums; none of them is of use by itself."""

    rate: float = 0.0
    work: float = 0.0
    engines: float = 0.0
    occupied: float = 0.0
    running: float = 0.0
    scattered: float = 0.0
    arrived: float = 0.0
    curve: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """1, o, t, o^2 and o t, of seconds per token t."""

    @property
    def footprint(self) -> float:
        """s: share of an engine."""
        return self.occupied / self.running if self.running > 0 else 0.05

    @property
    def dispersion(self) -> float:
        """F."""
        return min(30.0, max(1.0, self.scattered / self.arrived)) if self.arrived > 0 else 1.0

    @property
    def gamma(self) -> float:
        """How much slower a full engine steps."""
        n, o, t, oo, ot = self.curve
        if n <= FEW:
            return TYPICAL
        slope = (ot - o * t / n + 0.3 * t / n) / (oo - o * o / n + 0.5)
        return min(3.0, max(0.0, slope * n / max(1e-9, t - slope * o)))

    @property
    def capacity(self) -> float | None:
        """Requests/s of one full engine; None: not known yet."""
        if self.rate <= 0 or self.work <= 0:
            return None
        used = min(1.0, self.work / self.engines)
        return self.rate / self.work * (1 + self.gamma * used) / (1 + USED * self.gamma)


def learn(before: Learned, seen: Seen, ticks: Ticks, sequences: int) -> Learned:
    """With what one more look says; `ticks` has it."""
    if not seen.serving:
        return before
    fade = 0.5 ** (ticks.last.span / HALF_LIFE)
    after = _arrivals(before, ticks, fade)
    after = replace(
        after,
        occupied=fade * before.occupied + seen.work(sequences),
        running=fade * before.running + seen.running,
        curve=_curve(before.curve, seen, sequences),
    )
    return _carried(after, seen, ticks, fade) if not before.work or calm(seen, sequences) else after


def calm(seen: Seen, sequences: int) -> bool:
    """Whether what engines do now is what they can do for long."""
    n = len(seen.serving)
    young = min(seen.now - (e.ready or 0.0) for e in seen.serving)
    return seen.queued <= n and seen.work(sequences) > 0.15 * n and young > CALM_AGE


def _carried(known: Learned, seen: Seen, ticks: Ticks, fade: float) -> Learned:
    rate = ticks.rate
    if rate is None:
        return known
    return replace(
        known,
        rate=fade * known.rate + rate,
        work=fade * known.work + ticks.work,
        engines=fade * known.engines + len(seen.ready),
    )


def _arrivals(known: Learned, ticks: Ticks, fade: float) -> Learned:
    pair = ticks.pair
    if pair is None:
        return known
    before, now = pair
    return replace(
        known,
        scattered=fade * known.scattered + (now - before) ** 2 / 2,
        arrived=fade * known.arrived + (now + before) / 2,
    )


def _curve(
    curve: tuple[float, float, float, float, float], seen: Seen, sequences: int
) -> tuple[float, float, float, float, float]:
    for engine in seen.serving:
        if engine.token_seconds > 0 and engine.waiting <= 1:
            o, t = engine.occupancy(sequences), engine.token_seconds
            n, so, st, soo, sot = (FADE * old for old in curve)
            curve = (n + 1.0, so + o, st + t, soo + o * o, sot + o * t)
    return curve
