"""What runs come to: means over seeds, who is on the Pareto front, and whether the goals are met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import Any, Final

from benchmarks.autoscaling.cases import CLAIRVOYANT, OURS, STRONGER, Case, Run
from benchmarks.autoscaling.engine import USUAL
from benchmarks.autoscaling.fleet import Ended

ENOUGH: Final = 0.01
"""Share of misses at which an objective of 99 % is met."""
DEARER: Final = 1.10


@dataclass(frozen=True)
class Outcome:
    """A scaler in a case."""

    case: Case
    scaler: str
    dial: str
    misses: float
    """Share of the requests."""
    gpu_hours: float
    flips: float
    requests: float
    each: tuple[tuple[float, float], ...]
    """Misses and GPU-hours of each seed."""
    line: tuple[tuple[float, int], ...]
    """Engines that were asked for, in the first seed's run."""

    def dominated(self, others: Iterable[Outcome]) -> bool:
        """Whether another one has no more misses and no more GPU-hours, and fewer of one."""
        mine = (self.misses, self.gpu_hours)
        theirs = ((one.misses, one.gpu_hours) for one in others)
        return any(their != mine and their[0] <= mine[0] and their[1] <= mine[1] for their in theirs)

    def json(self) -> dict[str, Any]:
        """For the file."""
        return {
            "trace": self.case.trace,
            "startup": self.case.startup,
            "engine": self.case.model.name,
            "scaler": self.scaler,
            "dial": self.dial,
            "misses": round(self.misses, 6),
            "gpuHours": round(self.gpu_hours, 3),
            "flips": self.flips,
            "requests": self.requests,
            "seeds": [[round(misses, 6), round(hours, 3)] for misses, hours in self.each],
        }


def outcome(one: Run, ended: Sequence[Ended]) -> Outcome:
    """Means over seeds."""
    return Outcome(
        one.case,
        one.scaler,
        one.dial,
        mean(each.misses for each in ended),
        mean(each.gpu_hours for each in ended),
        mean(each.flips for each in ended),
        mean(each.requests for each in ended),
        tuple((each.misses, each.gpu_hours) for each in ended),
        tuple(ended[0].line),
    )


@dataclass(frozen=True)
class Goal:
    """What was set out for, and where it is not reached."""

    what: str
    cells: int
    lost: tuple[str, ...]

    @property
    def reached(self) -> int:
        """Cells."""
        return self.cells - len(self.lost)


@dataclass(frozen=True)
class Results:
    """Everything."""

    seeds: list[int]
    seconds: float
    cpu: float
    outcomes: list[Outcome]

    def cases(self) -> list[Case]:
        """Of the usual engine, in order."""
        return list(dict.fromkeys(one.case for one in self.outcomes if one.case.model == USUAL and not one.dial))

    def others(self) -> list[Case]:
        """Of other engines."""
        return list(dict.fromkeys(one.case for one in self.outcomes if one.case.model != USUAL))

    def of(self, case: Case) -> dict[str, Outcome]:
        """Each scaler with its defaults."""
        return {one.scaler: one for one in self.outcomes if one.case == case and not one.dial}

    def dialled(self, trace: str, dial: str) -> Outcome | None:
        """Ours, with a dial turned."""
        found = (one for one in self.outcomes if one.case.trace == trace and one.dial == dial and one.scaler == OURS)
        return next((one for one in found if one.case == Case(trace, 180.0)), None)

    def json(self) -> dict[str, Any]:
        """For the file."""
        return {
            "simulated": True,
            "seeds": self.seeds,
            "seconds": round(self.seconds, 1),
            "cpuSeconds": round(self.cpu, 1),
            "goals": [
                {"what": goal.what, "reached": goal.reached, "of": goal.cells, "lost": goal.lost}
                for goal in goals(self)
            ],
            "outcomes": [one.json() for one in self.outcomes],
        }


def front(found: dict[str, Outcome]) -> list[str]:
    """The scalers of a case that no other one beats in both; the clairvoyant one, which nobody can have, is left out."""
    real = [one for one in found.values() if one.scaler != CLAIRVOYANT]
    return [one.scaler for one in real if not one.dominated(real)]


def goals(results: Results) -> list[Goal]:
    """The goals, cell by cell."""
    weak = ("cpu-1", "cpu-2", "cpu-8", "queue", "keda")
    return [
        *(_goal(results, f"fewer misses than {name}", partial(_fewer, names=(name,))) for name in weak),
        _goal(results, f"fewer misses than {' and '.join(STRONGER)}", partial(_fewer, names=STRONGER)),
        _goal(results, "99 % of first tokens in time", lambda found: found[OURS].misses <= ENOUGH),
        _goal(results, "at most 110 % of the GPU-hours of the cheapest that has 99 %", _cheap),
        _goal(results, "on the Pareto front of misses and GPU-hours", lambda found: OURS in front(found)),
    ]  # fmt: skip


def _goal(results: Results, what: str, met: Callable[[dict[str, Outcome]], bool]) -> Goal:
    cases = results.cases()
    return Goal(what, len(cases), tuple(case.name for case in cases if not met(results.of(case))))


def _fewer(found: dict[str, Outcome], names: Iterable[str]) -> bool:
    return all(found[OURS].misses < found[name].misses for name in names if name in found)


def _cheap(found: dict[str, Outcome]) -> bool:
    """Where another one has 99 %."""
    able = [one.gpu_hours for one in found.values() if one.scaler not in {OURS, CLAIRVOYANT} and one.misses <= ENOUGH]
    return found[OURS].gpu_hours <= DEARER * min(able, default=float("inf"))
