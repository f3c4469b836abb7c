"""What was measured: rounds, their middles, and what a form costs beside the first one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    """Microseconds of the Envoy process for each request."""
    helper: float | None
    """The same of the process beside it; None where there is none."""
    rate: float
    """Requests per second."""
    p50: float
    """Milliseconds, as p99."""
    p99: float
    others: float
    """Share of Envoy's core that processes of others used."""


def round_of(driven: Driven) -> Round:
    """By request."""
    each = {name: used / 1000 / driven.requests for name, used in driven.cpu.items()}
    rate = driven.requests / driven.seconds
    return Round(each["envoy"], each.get("helper"), rate, driven.p50 * 1000, driven.p99 * 1000, driven.others)


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
        """Microseconds of Envoy."""
        return middle(one.cpu for one in self.of(workload, form))

    def ratio(self, workload: str, form: str) -> Middle:
        """Times the base, round by round: a form and the base met the same minute of a noisy machine."""
        pairs = zip(self.of(workload, form), self.of(workload, BASE), strict=True)
        return middle(one.cpu / base.cpu for one, base in pairs)

    def others(self) -> list[float]:
        """Share of Envoy's core that others used, of each round."""
        return [one.others for pair in self.pairs() for one in self.of(*pair)]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Workload and form, in the table's order."""
        return ((workload, form) for workload, forms in self.rounds.items() for form in forms)

    def unsteady(self, most: float) -> list[tuple[str, str]]:
        """Workloads and forms whose ratio spreads further than `most`, a share of its median."""
        return [pair for pair in self.pairs() if self.ratio(*pair).spread > most]

    def json(self) -> dict[str, Any]:
        """For the file."""
        middles = [
            {"workload": w, "form": f, "cpu": asdict(self.cpu(w, f)), "ratio": asdict(self.ratio(w, f))}
            for w, f in self.pairs()
        ]
        return {**asdict(self), "middles": middles}
