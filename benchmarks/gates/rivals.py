"""Two ways in which others gate a rollout, short, from their sources.

**Threshold** (Flagger, `pkg/controller/scheduler.go`): every minute the share of bad requests of the candidate in that minute against the
limit; rolled back at the fifth failed check in all. A step is left when its hold is over and the newest check is good.

**Mann-Whitney** (Kayenta, `MannWhitneyClassifier.scala` and `MannWhitney.scala`): when the hold is over, the points of the candidate
against those of stable, one each 30 s: the share of errors, or the percentile of the times. The 98 % interval of the Hodges-Lehmann shift,
asymptotic with corrections for continuity and ties; the metric is High when its lower end is over a quarter of the estimated shift. Every
objective is critical: one that is High rolls back, else the step is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.gates.batch import Batch, Flags, Floats
from benchmarks.gates.traffic import SHAPE, Look, Objective
from benchmarks.gates.walk import At

FAILED_CHECKS: Final = 5
CHECK_EVERY: Final = 2
"""Looks."""
Z: Final = 2.326
"""Standard deviations of 98 %, two-sided."""
FRACTION: Final = 0.25
"""Of the estimated shift, that its lower confidence bound must exceed."""


class Threshold(Batch):
    """Flagger's gates on a whole rollout."""

    def __init__(self, objectives: Sequence[Objective], rows: int) -> None:
        self.limits = [objective.limit for objective in objectives]
        self.last = np.zeros((rows, len(objectives), 2))
        self.failed = np.zeros(rows)

    def look(self, seen: Sequence[Look], at: At) -> tuple[Flags, Flags]:
        """Which rollouts go back, and which go on to their next step."""
        now = np.stack([np.stack([one.candidate, one.candidate_bad], axis=1) for one in seen], axis=1)
        minute, self.last = self.last + now, now
        n, k = minute[:, :, 0], minute[:, :, 1]
        check = at.in_step % CHECK_EVERY == 0
        bad = ((k > n * self.limits) | (n == 0)).any(axis=1)
        self.failed = self.failed + (check & bad)
        return self.failed >= FAILED_CHECKS, check & ~bad & at.held

    def step(self, over: Flags) -> None:
        """Nothing begins anew: failed checks count for the whole rollout."""


class Kayenta(Batch):
    """Kayenta's gates on a whole rollout."""

    def __init__(self, objectives: Sequence[Objective], rows: int, hold: int, rng: np.random.Generator) -> None:
        self.objectives, self.rng = objectives, rng
        self.points = np.full((rows, len(objectives), 2, hold), np.nan)

    def look(self, seen: Sequence[Look], at: At) -> tuple[Flags, Flags]:
        """Which rollouts go back, and which go on to their next step: nobody before the hold is over."""
        now = np.stack([self._points(*pair, at) for pair in zip(self.objectives, seen, strict=True)], axis=1)
        self.points = np.concatenate([self.points[..., 1:], now[..., None]], axis=3)
        back = np.zeros(len(now), bool)
        if at.held.any():
            back = at.held & np.any([high(one[:, 1], one[:, 0]) for one in np.moveaxis(self.points, 1, 0)], axis=0)
        return back, at.held & ~back

    def step(self, over: Flags) -> None:
        """A step's points stand alone."""
        self.points = np.where(over[:, None, None, None], np.nan, self.points)

    def _points(self, objective: Objective, seen: Look, at: At) -> Floats:
        """Of stable and of the candidate; none while caches are cold."""
        if not objective.latency:
            return np.stack([_share(seen.stable_bad, seen.stable), _share(seen.candidate_bad, seen.candidate)], axis=1)
        arms = ((seen.stable, seen.stable_share), (seen.candidate, seen.candidate_share))
        return np.stack([np.where(at.warm, self._percentile(objective, *arm), np.nan) for arm in arms], axis=1)

    def _percentile(self, objective: Objective, n: Floats, share: Floats) -> Floats:
        """The percentile that the objective names, as a multiple of its bound: the j-th smallest of n times."""
        j = np.clip(np.ceil((1 - objective.limit) * n), 1, np.maximum(n, 1))
        u = self.rng.beta(j, np.maximum(n, 1) + 1 - j)
        times: Floats = (u / (1 - u) * share / (1 - share)) ** (1 / SHAPE)
        return np.where(n > 0, times, np.nan)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def high(x: Floats, y: Floats) -> Flags:
    """Whether x is High against y, row by row; NaN is no point."""
    n, m = (~np.isnan(x)).sum(axis=1), (~np.isnan(y)).sum(axis=1)
    shifts = np.sort((x[:, :, None] - y[:, None, :]).reshape(len(x), -1), axis=1)
    every = n + m
    pairs = n * m
    sigma = np.sqrt(pairs / 12 * np.maximum(every + 1 - (_ties(x) + _ties(y)) / np.maximum(every * (every - 1), 1), 0))
    lower = _at(shifts, np.floor(pairs / 2 - Z * sigma - 0.5))
    middle = (_at(shifts, (pairs - 1) // 2) + _at(shifts, pairs // 2)) / 2
    return (lower > 0) & (lower > FRACTION * np.abs(middle))


def _ties(values: Floats) -> Floats:
    """The sum of t^3 - t over groups of t equal values."""
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=2).astype(float)
    ties: Floats = np.where(equal > 0, equal**2 - 1, 0.0).sum(axis=1)
    return ties


def _at(ordered: Floats, index: Floats) -> Floats:
    """The value at each row's own index; minus infinity before the first one."""
    at = np.clip(index, 0, ordered.shape[1] - 1).astype(int)
    found = np.nan_to_num(ordered[np.arange(len(ordered)), at], nan=-np.inf)
    return np.where(index < 0, -np.inf, found)
