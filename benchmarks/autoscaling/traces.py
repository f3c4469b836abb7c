"""The traffic: rates in full engines' worth of work, and what arrives.

    step      1.4, for 45 min 4.6, then 1.4 again                                     2 h
    diurnal   a day from 0.7 to 5.5 with 8 % of noise; yesterday was alike            24 h
    spikes    1.6, and 7 to 10 spikes of 1 to 5 min and 1.2 to 3.5 more, unannounced  6 h
    bursty    a log-rate that wanders, Pareto bursts, and gamma-mixed arrivals (the variance of 5 s counts is ten times the mean, as
              recorded traces of chat services have it: BurstGPT, arXiv 2401.17644)   12 h
    hourly    the same spike every hour, within a minute, today as yesterday          6 h
    drift     answers become 1.8 times longer at a constant rate                      3 h

Poisson arrivals in bins of 1 s but for `bursty`. Prompts: lognormal, mean 590, at most 3,500 tokens. Answers: lognormal, mean 400 (sigma
1, `bursty` 1.2), at most 2,048.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from math import exp, log, sqrt
from typing import Final

import numpy as np

from benchmarks.autoscaling.engine import Floats, Model, Requests

DAY: Final = 86_400
MOST: Final = 7.5
"""Full engines."""
MEAN: Final = 400.0
"""Tokens of an answer."""
HUMPS: Final = ((3.6, 10.5, 2.0), (4.2, 15.0, 2.2), (1.6, 20.5, 1.6))
"""Full engines, hour of the day, and width in hours."""
LONGER: Final = 1.8
MORE_WORK: Final = 2.1
"""What an answer that is 1.8 times longer costs."""


@dataclass(frozen=True)
class Shape:
    """A trace before it is drawn."""

    rate: Floats
    """Full engines, second by second."""
    yesterday: Floats | None = None
    """The same a day before."""
    mixed: Floats | None = None
    """What arrivals of a second are multiplied with."""
    spread: float = 1.0
    """Sigma of the logarithm of answers."""
    longer_from: float | None = None
    """Second."""


@dataclass(frozen=True)
class Trace:
    """A trace that was drawn."""

    name: str
    model: Model
    arrival: Floats
    prompt: Floats
    out: Floats
    work: Floats
    """Of each request, in requests of the usual mix."""
    rate: Floats
    """Full engines, second by second."""
    peaks: tuple[float, ...] = field(default=())
    """The busiest minute of each five of yesterday, in requests/s."""

    @property
    def horizon(self) -> float:
        """Seconds."""
        return float(len(self.rate))

    @property
    def requests(self) -> Requests:
        """All of them, none begun."""
        return Requests(self.arrival, self.prompt, self.out)


def draw(name: str, model: Model, seed: int) -> Trace:
    """One trace. Raises KeyError when there is none of that name."""
    rng = np.random.default_rng(1000 + seed)
    shape = SHAPES[name](rng)
    rate = np.minimum(shape.rate, MOST)
    count = rng.poisson(rate * model.full * (1.0 if shape.mixed is None else shape.mixed))
    arrival = np.sort(np.repeat(np.arange(len(rate)), count) + rng.uniform(0, 1, count.sum()))
    late = arrival > (np.inf if shape.longer_from is None else shape.longer_from)
    prompt, out = lengths(rng, len(arrival), np.where(late, MEAN * LONGER, MEAN), shape.spread)
    peaks = () if shape.yesterday is None else _peaks(shape.yesterday * model.full)
    return Trace(name, model, arrival, prompt, out, np.where(late, MORE_WORK, 1.0), rate, peaks)


def lengths(rng: np.random.Generator, n: int, mean: Floats | float, spread: float) -> tuple[Floats, Floats]:
    """Tokens of prompts and of answers."""
    prompt, out = rng.lognormal(log(430), 0.8, n), mean * rng.lognormal(-(spread**2) / 2, spread, n)
    return np.floor(np.clip(prompt, 8, 3500)), np.floor(np.clip(out, 2, 2048))


def _peaks(rate: Floats) -> tuple[float, ...]:
    return tuple(rate.reshape(-1, 60).mean(1).reshape(-1, 5).max(1).tolist())


def _walk(rng: np.random.Generator, n: int, sigma: float, tau: float) -> Floats:
    """Ornstein-Uhlenbeck noise of a logarithm, a value a second."""
    a = exp(-1 / tau)
    steps = rng.normal(0, sigma * sqrt(1 - a * a), n)
    walk: Floats = np.exp(np.fromiter(accumulate(steps, lambda x, step: a * x + step), float, n))
    return walk


def _bump(n: int, centre: float, rise: float, hold: float, fall: float = 40.0) -> Floats:
    t = np.arange(n) - centre
    bump: Floats = np.clip(np.minimum((t + rise) / rise, np.exp(-np.maximum(0, t - hold) / fall)), 0, 1)
    return bump


def _step(_: np.random.Generator) -> Shape:
    return Shape(np.repeat((1.4, 4.6, 1.4), (1800, 2700, 2700)))


def _diurnal(rng: np.random.Generator) -> Shape:
    hours = np.arange(DAY) / 3600
    today = _day(hours) * _walk(rng, DAY, 0.08, 600)
    return Shape(today, 0.93 * _day(hours + 0.2) * _walk(rng, DAY, 0.08, 600))


def _day(hours: Floats) -> Floats:
    high, at, wide = (np.array(column)[:, None] for column in zip(*HUMPS, strict=True))
    humps: Floats = high * np.exp(-(((hours - at + 12) % 24 - 12) ** 2) / (2 * wide**2))
    return np.asarray(0.7 + humps.sum(axis=0))


def _spikes(rng: np.random.Generator) -> Shape:
    rate = 1.6 * _walk(rng, 21_600, 0.05, 600)
    for centre in np.cumsum(rng.uniform(1200, 3200, 12)):
        rate += _bump(21_600, centre, rng.uniform(15, 60), rng.uniform(60, 300)) * rng.uniform(1.2, 3.5)
    return Shape(rate)


def _bursty(rng: np.random.Generator) -> Shape:
    rate = 1.9 * _walk(rng, 43_200, 0.40, 900)
    for centre in rng.uniform(600, 43_200, 30):
        rate += min(3.5, 0.5 * rng.pareto(1.5) + 0.3) * _bump(43_200, centre, 1e-9, 0, rng.uniform(20, 120))
    return Shape(rate, mixed=np.repeat(rng.gamma(2.5, 1 / 2.5, 8640), 5), spread=1.2)


def _hourly(rng: np.random.Generator) -> Shape:
    days = [1.6 * _walk(rng, 21_600, 0.05, 600) for _ in range(2)]
    for centre in range(2400, 21_600, 3600):
        for i in range(2):
            days[i] += rng.uniform(2.4, 3.2) * _bump(21_600, centre + rng.uniform(-60, 60), 20, 240)
    return Shape(days[0], days[1])


def _drift(rng: np.random.Generator) -> Shape:
    return Shape(1.8 * _walk(rng, 10_800, 0.05, 600), longer_from=3600.0)


SHAPES: Final[dict[str, Callable[[np.random.Generator], Shape]]] = {
    "step": _step,
    "diurnal": _diurnal,
    "spikes": _spikes,
    "bursty": _bursty,
    "hourly": _hourly,
    "drift": _drift,
}
