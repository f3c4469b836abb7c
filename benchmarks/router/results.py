"""What was measured: rounds, their middles, and what a form costs beside the first one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from benchmarks.router.drive import Driven

BASE = "plain"
"""The form that the others are compared with."""


@dataclass(frozen=True)
class Middle:
    """The median of all rounds, and the quartiles around it."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """The distance of the quartiles, as a share of the median."""
        return (self.high - self.low) / self.median


def middle(values: Iterable[float]) -> Middle:
    """Of one value: that value. Quartiles between two values are interpolated."""
    found = list(values)
    low, _, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
    return Middle(median(found), low, high)


@dataclass(frozen=True)
class Round:
    """One form under one workload, once."""

    cpu: float
    """Microseconds of the router, all its processes together, for each request."""
    parts: Mapping[str, float]
    """The same of each process, by name; also of those beside the router."""
    rate: float
    """Requests per second."""
    p50: float
    """Milliseconds, as p99."""
    p99: float
    others: float
    """Share of the router's core that processes of others used."""


def round_of(driven: Driven, router: Collection[str]) -> Round:
    """By request; `router` names the processes that are its own."""
    each = {name: used / 1000 / driven.requests for name, used in driven.cpu.items()}
    own = sum((each[name] for name in router), 0.0)
    return Round(own, each, driven.requests / driven.seconds, driven.p50 * 1000, driven.p99 * 1000, driven.others)


@dataclass(frozen=True)
class Machine:
    """What it was measured on."""

    cores: int
    processor: str
    envoy: str
    """Its version."""
    load_average: float
    """Of the minute before."""


@dataclass
class Results:
    """All rounds, in the order in which they were."""

    machine: Machine
    forms: Mapping[str, str]
    """Titles, by name."""
    left_out: Mapping[str, str]
    """Why a form is not among them."""
    workloads: Mapping[str, str]
    """Titles, by name."""
    rounds: dict[str, dict[str, list[Round]]] = field(default_factory=dict)
    """By workload and form."""

    def add(self, workload: str, form: str, done: Round) -> None:
        """One more."""
        self.rounds.setdefault(workload, {}).setdefault(form, []).append(done)

    def of(self, workload: str, form: str) -> list[Round]:
        """All rounds of a form under a workload."""
        return self.rounds[workload][form]

    def cpu(self, workload: str, form: str) -> Middle:
        """Microseconds of the router."""
        return middle(one.cpu for one in self.of(workload, form))

    def part(self, workload: str, form: str, name: str) -> Middle | None:
        """Microseconds of one of its processes; None where it has none of that name."""
        found = [one.parts[name] for one in self.of(workload, form) if name in one.parts]
        return middle(found) if found else None

    def pairs_of(self, workload: str, form: str, base: str) -> list[tuple[Round, Round]]:
        """Rounds of two forms, which met the same minute of a noisy machine; none where one was not measured."""
        known = self.rounds.get(workload, {})
        return list(zip(known.get(form, ()), known.get(base, ()), strict=False))

    def ratio(self, workload: str, form: str, base: str = BASE) -> Middle | None:
        """CPU times the base's, round by round; None where there is nothing to compare."""
        found = [one.cpu / other.cpu for one, other in self.pairs_of(workload, form, base) if one.cpu and other.cpu]
        return middle(found) if found else None

    def others(self) -> list[float]:
        """Share of the router's core that others used, of each round."""
        return [one.others for pair in self.pairs() for one in self.of(*pair)]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Workload and form, in the table's order."""
        return ((workload, form) for workload, forms in self.rounds.items() for form in forms)

    def unsteady(self, most: float) -> list[tuple[str, str]]:
        """Workloads and forms whose ratio spreads further than `most`, a share of its median."""
        return [pair for pair in self.pairs() if (found := self.ratio(*pair)) and found.spread > most]

    def json(self) -> dict[str, Any]:
        """For the file."""
        middles = [self._middles(*pair) for pair in self.pairs()]
        return {**asdict(self), "middles": middles}

    def _middles(self, workload: str, form: str) -> dict[str, Any]:
        ratio = self.ratio(workload, form)
        told = {"cpu": asdict(self.cpu(workload, form)), "ratio": ratio and asdict(ratio)}
        return {"workload": workload, "form": form, **told}
