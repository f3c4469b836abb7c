"""What is walked: identical candidates under every kind of traffic, and harmful ones under two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.gates.traffic import Kind, Objective, slower

RATES: Final = (10, 100)
"""Requests per second."""
OTHER_RATES: Final = (2, 5, 20, 50)
"""At which only the promotion of healthy candidates is walked."""
ERRORS: Final = Objective(limit=0.01, stable=0.003, candidate=0.003)
TTFT: Final = Objective(limit=0.05, stable=0.03, candidate=0.03, latency=True, cold=2.0)
LATENCY: Final = Objective(limit=0.01, stable=0.005, candidate=0.005, latency=True)
HEALTHY: Final = (ERRORS, TTFT, LATENCY)
"""At most 1 % errors, 95 of 100 first tokens and 99 of 100 answers within their bounds; all three well kept."""
KINDS: Final[Sequence[Kind]] = ("independent", "trend", "outage", "bursts", "engines", "cold")
HARMFUL: Final[Sequence[Kind]] = ("independent", "bursts")
MORE_ERRORS: Final = (0.005, 0.01, 0.02, 0.05)
SLOWER: Final = (1.1, 1.2, 1.5)


@dataclass(frozen=True)
class Case:
    """One line of a table."""

    rate: int
    """Requests per second of both revisions together."""
    kind: Kind
    what: str
    objectives: Sequence[Objective]
    harmful: bool = False

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.what}, {self.kind}, {self.rate} req/s"


def cases() -> list[Case]:
    """All of them."""
    others = [Case(rate, "independent", "healthy", HEALTHY) for rate in OTHER_RATES]
    everything = (case for rate in RATES for case in (*_identical(rate), *_harmful(rate)))
    return sorted([*others, *everything], key=lambda case: case.rate)


def _identical(rate: int) -> Iterator[Case]:
    at_limit = [Objective(one.limit, one.limit, one.limit, one.latency) for one in HEALTHY]
    yield from (Case(rate, kind, "healthy", HEALTHY) for kind in KINDS)
    yield from (Case(rate, kind, "at its limits", at_limit) for kind in KINDS if kind not in {"outage", "cold"})


def _harmful(rate: int) -> Iterator[Case]:
    for kind in HARMFUL:
        for more in MORE_ERRORS:
            errors = Objective(ERRORS.limit, 0.005, 0.005 + more)
            yield Case(rate, kind, f"errors 0.5 % + {more * 100:g} %", (errors, TTFT, LATENCY), harmful=True)
        for factor in SLOWER:
            ttft = Objective(TTFT.limit, TTFT.stable, slower(TTFT.stable, factor), latency=True)
            yield Case(rate, kind, f"TTFT + {factor - 1:.0%}".replace("%", " %"), (ERRORS, ttft, LATENCY), harmful=True)
