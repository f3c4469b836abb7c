"""`tidegate.plan.gates.judge` for many rollouts at once, one look after the other: running sums instead of intervals.

The equations stand in `tidegate.plan.gates.evidence` and `judge`; `tests/bench_gates/test_ours.py` holds the two equal look by look.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.gates.batch import Batch, Flags, Floats
from benchmarks.gates.traffic import Look, Objective
from benchmarks.gates.walk import At
from tidegate.plan.gates.evidence import RATIOS, RECENT
from tidegate.plan.gates.judge import DOUBT, LENIENCE, SURE, Terms

R = np.array(RATIOS)


class Test(Batch):
    """W and W' (or O and O') of each rollout."""

    __test__ = False

    def __init__(self, rows: int) -> None:
        self.before, self.before_best = np.zeros((rows, len(R))), np.zeros((rows, len(R)))
        self.gain, self.best = np.zeros((rows, len(R))), np.zeros((rows, len(R)))
        self.sums = np.zeros((rows, 6))

    def add(self, hits: Floats, of: Floats, most: Floats) -> None:
        """One more interval."""
        gain = hits[:, None] * np.log(R) - of[:, None] * np.log1p(most[:, None] * (R - 1))
        self.gain = self.gain + gain
        self.best = np.maximum(self.best, gain)
        self.sums = self.sums + np.stack([of > 0, hits, of, hits * hits, hits * of, of * of], axis=1)

    def step(self, over: Flags) -> None:
        """These rollouts go on to their next step."""
        phi = self._phi()[:, None]
        self.before = np.where(over[:, None], self.before + self.gain / phi, self.before)
        self.before_best = np.where(over[:, None], self.before_best + self.best / phi, self.before_best)
        self.gain, self.best, self.sums = (
            np.where(over[:, None], 0.0, one) for one in (self.gain, self.best, self.sums)
        )

    def evidence(self) -> tuple[Floats, Floats]:
        """Of all intervals, and without each step's best one."""
        phi = self._phi()[:, None]
        whole = self.before + self.gain / phi
        return _log_mean_exp(whole), _log_mean_exp(whole - self.before_best - self.best / phi)

    def _phi(self) -> Floats:
        m, hits, of, hits2, hits_of, of2 = self.sums.T
        f = (hits + 0.5) / (of + 1)
        scatter = hits2 - 2 * f * hits_of + f * f * of2
        raw = m / np.maximum(m - 1, 1) * scatter / np.maximum(f * (1 - f) * of, 1e-12)
        return np.where(m > 1, np.maximum(1.0, raw), 1.0)


def _log_mean_exp(values: Floats) -> Floats:
    largest: Floats = values.max(axis=1)
    mean: Floats = np.log(np.exp(values - largest[:, None]).mean(axis=1))
    return largest + mean


def _beyond(evidence: tuple[Floats, Floats], bar: float) -> Flags:
    whole, without_best = evidence
    return (whole >= bar) & (without_best >= bar / 2)


class Gate(Batch):
    """Tidegate's gate on one objective."""

    def __init__(self, terms: Terms, rows: int) -> None:
        self.terms, self.worse, self.over = terms, Test(rows), Test(rows)
        self.recent = np.zeros((rows, RECENT, 2))
        self.stable, self.stable_bad = np.zeros(rows), np.zeros(rows)
        self.candidate, self.candidate_bad, self.tolerated = np.zeros(rows), np.zeros(rows), np.zeros(rows)

    def keep(self, those: Flags) -> None:
        super().keep(those)
        self.worse.keep(those)
        self.over.keep(those)

    def look(self, seen: Look, counts: Flags) -> tuple[Flags, Flags]:
        """Which rollouts failed and which passed. `counts`: whose interval is not part of a warm-up."""
        n_s, k_s, n_c, k_c = (
            np.where(counts, a, 0.0) for a in (seen.stable, seen.stable_bad, seen.candidate, seen.candidate_bad)
        )
        self.stable, self.stable_bad = self.stable + n_s, self.stable_bad + k_s
        self.candidate, self.candidate_bad = self.candidate + n_c, self.candidate_bad + k_c
        self.worse.add(k_c, k_s + k_c, self._most(n_s, n_c))
        bound = self._excused(n_s, k_s)
        self.over.add(k_c, n_c, bound)
        self.tolerated = self.tolerated + n_c * bound
        return self._verdicts()

    def step(self, over: Flags) -> None:
        """These rollouts go on to their next step."""
        self.worse.step(over)
        self.over.step(over)
        self.recent = np.where(over[:, None, None], 0.0, self.recent)
        for name in ("stable", "stable_bad", "candidate", "candidate_bad", "tolerated"):
            setattr(self, name, np.where(over, 0.0, getattr(self, name)))

    def _most(self, n_s: Floats, n_c: Floats) -> Floats:
        tolerance, limit = self.terms.tolerance or 0.0, self.terms.limit
        weight = n_c * (1 + tolerance * np.maximum(1, limit * (self.stable + 1) / (self.stable_bad + 0.5)))
        return weight / np.maximum(weight + n_s, 1e-12)

    def _excused(self, n_s: Floats, k_s: Floats) -> Floats:
        self.recent = np.concatenate([self.recent[:, 1:], np.stack([n_s, k_s], axis=1)[:, None]], axis=1)
        n, k = self.recent.sum(axis=1).T
        limit = self.terms.limit
        return np.where(k > n * limit + 2 * np.sqrt(n * limit), k / np.maximum(n, 1), limit)

    def _verdicts(self) -> tuple[Flags, Flags]:
        worse, over = self.worse.evidence(), self.over.evidence()
        too_many = _beyond(over, self.terms.over_bar) & (worse[0] >= DOUBT)
        failed = _beyond(worse, self.terms.worse_bar) | too_many
        enough = np.minimum(self.candidate, self.stable) >= self.terms.min_requests
        allowed = LENIENCE * np.maximum(self.tolerated, self.candidate / self.terms.min_requests)
        below = upper(self.candidate_bad) <= allowed
        return failed, enough & below & (worse[0] <= 0) & (over[0] <= 0) & ~failed


class Ours:
    """Tidegate's gates on a whole rollout."""

    def __init__(self, objectives: Sequence[Objective], rows: int) -> None:
        self.objectives = objectives
        self.gates = [Gate(Terms("bad", one.limit, objectives=len(objectives)), rows) for one in objectives]

    def look(self, seen: Sequence[Look], at: At) -> tuple[Flags, Flags]:
        """Which rollouts go back, and which go on to their next step."""
        back, on = np.zeros(len(at.held), bool), at.held
        for objective, gate, one in zip(self.objectives, self.gates, seen, strict=True):
            failed, passed = gate.look(one, at.warm if objective.latency else np.ones_like(at.warm))
            back, on = back | failed, on & passed
        return back, on & ~back

    def step(self, over: Flags) -> None:
        """These rollouts go on to their next step."""
        for gate in self.gates:
            gate.step(over)

    def keep(self, those: Flags) -> None:
        """Drops the other rollouts."""
        for gate in self.gates:
            gate.keep(those)


def upper(bad: Floats) -> Floats:
    """As `tidegate.plan.gates.judge.upper`."""
    k = bad + 1
    return k * (1 - 1 / (9 * k) + SURE / (3 * np.sqrt(k))) ** 3
