"""What was measured: rounds of each router under each workload, and what reading prompts costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.affinity.engines import Counted, busiest, hit_rate
from benchmarks.affinity.play import Played
from benchmarks.percentile import percentile
from benchmarks.router.results import Machine, Middle, middle

FIGURES = ("hit_rate", "p50", "p95", "busiest")


@dataclass(frozen=True)
class Round:
    """One router under one workload, once."""

    hit_rate: float
    """Share of the prompts' tokens, by the engines."""
    p50: float
    """Seconds to the first token, at the client."""
    p95: float
    busiest: float
    """Share of requests of the engine that had the most."""
    requests: int
    """Answered."""
    failed: int
    late: float
    """Seconds, 95th percentile: how late clients woke up for want of CPU, which is in the times to the first token."""


def round_of(played: Played, counts: Sequence[Counted]) -> Round:
    """From both sides. Raises ValueError when no request was answered."""
    if not played.waits:
        raise ValueError(f"no request was answered: {dict(played.failures)}")
    p50, p95 = (percentile(played.waits, share) for share in (0.5, 0.95))
    return Round(
        hit_rate(counts),
        p50,
        p95,
        busiest(counts),
        len(played.waits),
        played.failures.total(),
        percentile(played.late, 0.95),
    )


@dataclass(frozen=True)
class Cost:
    """Microseconds of Envoy for each request with a body of this kind, and what one way of balancing takes more than the other,
    round by round."""

    body: str
    base: Middle
    ours: Middle
    more: Middle


@dataclass
class Results:
    """All rounds, in the order in which they were."""

    machine: Machine
    routers: Mapping[str, str]
    """Titles, by name."""
    left_out: Mapping[str, str]
    """Why a router is not among them."""
    workloads: Mapping[str, str]
    """Titles, by name."""
    rounds: dict[str, dict[str, list[Round]]] = field(default_factory=dict)
    """By workload and router."""
    costs: list[Cost] = field(default_factory=list)

    def add(self, workload: str, router: str, done: Round) -> None:
        """One more."""
        self.rounds.setdefault(workload, {}).setdefault(router, []).append(done)

    def of(self, workload: str, router: str) -> list[Round]:
        """All rounds of a router under a workload."""
        return self.rounds[workload][router]

    def middle(self, workload: str, router: str, figure: str) -> Middle:
        """Of one of FIGURES."""
        return middle(getattr(one, figure) for one in self.of(workload, router))

    def failed(self, workload: str, router: str) -> int:
        """Requests of all rounds."""
        return sum(one.failed for one in self.of(workload, router))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Workload and router, in the table's order."""
        return ((workload, router) for workload, routers in self.rounds.items() for router in routers)

    def json(self) -> dict[str, Any]:
        """For the file."""
        middles = [
            {"workload": w, "router": r} | {figure: asdict(self.middle(w, r, figure)) for figure in FIGURES}
            for w, r in self.pairs()
        ]
        return {**asdict(self), "middles": middles}
