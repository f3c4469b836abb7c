"""How the rollouts of each case ended under each rule, and whether the goals are met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from benchmarks.gates.cases import Case
from benchmarks.gates.traffic import EVERY
from benchmarks.gates.walk import DEADLINE, Ended

OURS: Final = "tidegate"
KAYENTA: Final = "mann-whitney"
THRESHOLD: Final = "threshold"
RULES: Final = (OURS, KAYENTA, THRESHOLD)
MOST: Final = 0.05
"""Share of rollouts of an identical candidate that may be rolled back."""


@dataclass(frozen=True)
class Outcome:
    """All rollouts of one case under one rule; shares are of all rollouts, times are minutes from the start."""

    case: Case
    rule: str
    back: float
    """Rolled back."""
    promoted: float
    half_back: float | None
    """When half of all rollouts were rolled back; None when fewer ever were."""
    half_promoted: float | None
    """Of those that were promoted, the median."""
    most_promoted: float | None
    """And 90 %."""
    harm: float
    """Bad requests beyond stable's share until the end of a rollout, on average."""
    back_by: tuple[float, ...]
    """The share that was rolled back by each minute, the first one first."""

    @property
    def held(self) -> float:
        """Neither rolled back nor promoted when the deadline paused it."""
        return max(0.0, 1 - self.back - self.promoted)


def outcome(case: Case, rule: str, ended: Ended) -> Outcome:
    """The figures of a case."""
    back, promoted = ended.minutes[ended.back], ended.minutes[ended.promoted]
    by = [float((back <= minute).sum() / len(ended.back)) for minute in range(1, int(DEADLINE * EVERY / 60) + 1)]
    late = np.where(ended.back, ended.minutes, np.inf)
    half = float(np.quantile(late, 0.5, method="inverted_cdf"))
    return Outcome(
        case=case,
        rule=rule,
        back=float(ended.back.mean()),
        promoted=float(ended.promoted.mean()),
        half_back=half if np.isfinite(half) else None,
        half_promoted=float(np.quantile(promoted, 0.5)) if len(promoted) else None,
        most_promoted=float(np.quantile(promoted, 0.9)) if len(promoted) else None,
        harm=float(ended.harm.mean()),
        back_by=tuple(by),
    )


@dataclass(frozen=True)
class Results:
    """All cases."""

    rollouts: int
    """Of each case under each rule."""
    seed: int
    seconds: float
    """From begin to end, on a machine that others may use too."""
    cpu: float
    """Seconds of CPU of all processes."""
    outcomes: Sequence[Outcome]

    def of(self, case: Case) -> dict[str, Outcome]:
        """By rule."""
        return {one.rule: one for one in self.outcomes if one.case == case}

    def cases(self, harmful: bool) -> Iterator[Case]:
        """In the tables' order."""
        return (one.case for one in self.outcomes if one.rule == OURS and one.case.harmful is harmful)

    def json(self) -> dict[str, Any]:
        """For the file."""
        return {**asdict(self), "goals": [asdict(goal) for goal in goals(self)]}


@dataclass(frozen=True)
class Goal:
    """One of the goals: in how many of its cases it is met, and in which not."""

    what: str
    short: str
    cases: int
    unmet: tuple[str, ...]


def goals(results: Results) -> list[Goal]:
    """Few false rollbacks; harm found at least as often, sooner, and at a lower cost than by Mann-Whitney."""
    identical = [results.of(case)[OURS] for case in results.cases(harmful=False)]
    pairs = [(found[OURS], found[KAYENTA]) for found in map(results.of, results.cases(harmful=True))]
    halves = [(a, b) for a, b in pairs if a.half_back or b.half_back]
    return [
        Goal("false rollbacks <= 5 %", "false", len(identical), _named(one for one in identical if one.back > MOST)),
        Goal(
            "rolled back as often as by Mann-Whitney",
            "often",
            len(pairs),
            _named(a for a, b in pairs if a.back < b.back - _noise(results, b)),
        ),
        Goal(
            "half rolled back sooner", "soon", len(halves), _named(a for a, b in halves if _minutes(a) >= _minutes(b))
        ),
        Goal("fewer bad requests", "cheap", len(pairs), _named(a for a, b in pairs if a.harm >= b.harm)),
    ]


def _noise(results: Results, one: Outcome) -> float:
    """Two standard errors of the difference of two such shares."""
    return 2 * float(np.sqrt(2 * max(one.back * (1 - one.back), 1 / results.rollouts) / results.rollouts))


def _minutes(one: Outcome) -> float:
    return float("inf") if one.half_back is None else one.half_back


def _named(outcomes: Iterator[Outcome]) -> tuple[str, ...]:
    return tuple(one.case.name for one in outcomes)
