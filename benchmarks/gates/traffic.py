"""Simulated traffic: how many requests of each revision end within 30 s, and how many of them are bad.

Requests come as a Poisson process and weights split them. A share of them is bad, for each objective anew, and what this share does is
the kind of traffic:

    independent    it stays
    trend          both revisions alike: AR(1) log-odds (sd 0.8, 0.9 from one look to the next) on a slow wave
    outage         both revisions: 30 % bad for two minutes, once in the first 50 minutes
    bursts         each revision for itself, drawn anew for each look from a Beta distribution (intraclass correlation 0.01: the counts of
                   300 requests vary 4 times as much as by chance, those of 1,500 requests 16 times)
    engines        ten engines share the requests; each is 30 % bad in 0.5 % of its looks
    cold           the candidate's first tokens are late twice as often in the first 5 minutes of each step, 2 beyond the warm-up

Times to the first token are log-logistic with a 95th percentile 2.67 times the median; x % slower multiplies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import Final, Literal

import numpy as np

from benchmarks.gates.batch import Batch, Floats

EVERY: Final = 30.0
"""Seconds from one look to the next."""
SHAPE: Final = 3.0
"""Of the log-logistic distribution: the odds of being slower than a bound grow with the third power of the time."""
ENGINES: Final = 10
COLD: Final = 10
"""Looks."""
OUTAGE: Final = 4
"""Looks."""
Kind = Literal["independent", "trend", "outage", "bursts", "engines", "cold"]


@dataclass(frozen=True)
class Objective:
    """One gate, and how often requests really are bad."""

    limit: float
    stable: float
    candidate: float
    latency: bool = False
    """Whether bad means slow: its warm-up does not count."""
    cold: float = 1.0
    """Times as many bad requests of the candidate while its caches are cold."""


def slower(share: float, factor: float) -> float:
    """The share of requests over a bound after all of them take `factor` times as long."""
    odds: float = share / (1 - share) * factor**SHAPE
    return odds / (1 + odds)


@dataclass
class Look(Batch):
    """One objective in the last 30 s: requests, bad ones, and the true shares."""

    stable: Floats
    stable_bad: Floats
    candidate: Floats
    candidate_bad: Floats
    stable_share: Floats
    candidate_share: Floats


class Traffic(Batch):
    """The traffic of many rollouts."""

    def __init__(self, rng: np.random.Generator, rows: int, rate: float, kind: Kind) -> None:
        self.rng, self.rate, self.kind = rng, rate, kind
        self.mood = rng.normal(0, 0.8, rows)
        self.phase = rng.uniform(0, 2 * pi, rows)
        self.outage = rng.integers(0, 100, rows)
        self.now = 0

    def next(self) -> None:
        """Half a minute later."""
        self.mood = 0.9 * self.mood + sqrt(1 - 0.9**2) * self.rng.normal(0, 0.8, len(self.mood))
        self.now += 1

    def look(self, objective: Objective, traffic: Floats, in_step: Floats) -> Look:
        """Counts of one objective; `traffic` is the candidate's share of it, `in_step` the looks of the step before this one."""
        stable, candidate = self._shares(objective, traffic, in_step)
        n_s, n_c = (self.rng.poisson(self.rate * EVERY * part).astype(float) for part in (1 - traffic, traffic))
        k_s, k_c = self._bad(n_s, stable), self._bad(n_c, candidate)
        return Look(n_s, k_s, n_c, k_c, stable, candidate)

    def _bad(self, requests: Floats, share: Floats) -> Floats:
        return self.rng.binomial(requests.astype(int), share).astype(float)

    def _shares(self, objective: Objective, traffic: Floats, in_step: Floats) -> tuple[Floats, Floats]:
        rows = len(traffic)
        stable, candidate = np.full(rows, objective.stable), np.full(rows, objective.candidate)
        match self.kind:
            case "trend":
                factor = np.exp(self.mood + 0.4 * np.sin(self.phase + self.now * pi / 60) - 0.32)
                return np.minimum(stable * factor, 0.95), np.minimum(candidate * factor, 0.95)
            case "outage":
                out = (self.now >= self.outage) & (self.now < self.outage + OUTAGE)
                return np.where(out, 0.3, stable), np.where(out, 0.3, candidate)
            case "bursts":
                return self._burst(stable), self._burst(candidate)
            case "engines":
                return self._engines(stable, 1 - traffic), self._engines(candidate, traffic)
            case "cold":
                return stable, np.where(in_step < COLD, objective.cold * candidate, candidate)
            case _:
                return stable, candidate

    def _burst(self, share: Floats) -> Floats:
        drawn = self.rng.beta(np.maximum(share * 99, 1e-9), (1 - share) * 99)
        return np.where(share > 0, drawn, 0.0)

    def _engines(self, share: Floats, part: Floats) -> Floats:
        engines = np.maximum(1, np.rint(part * ENGINES)).astype(int)
        sick: Floats = self.rng.binomial(engines, 0.005) / engines
        return (1 - sick) * share + sick * 0.3
