"""What was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.percentile import percentile


@dataclass(frozen=True)
class Latency:
    """Of one kind of request; milliseconds."""

    what: str
    p50: float
    p99: float
    count: int


@dataclass(frozen=True)
class Rate:
    """The same question again and again over some connections."""

    router: str
    hits: float
    """A second."""
    cpu: float
    """Microseconds of the router, all its processes together, for each."""


@dataclass
class Zipf:
    """A workload whose questions repeat."""

    sources: list[str] = field(default_factory=list)
    """From where each answer was, in their order."""
    wrong: int = 0
    """Answers to another question than the one that was asked, whatever the words."""
    saved: int = 0
    """Tokens."""
    all_tokens: int = 0

    def shares(self) -> dict[str, float]:
        """Of all requests, by source."""
        return {source: count / len(self.sources) for source, count in Counter(self.sources).items()}


@dataclass
class Results:
    """Of one run."""

    machine: str
    load_average: float
    latencies: list[Latency] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    zipf: Zipf = field(default_factory=Zipf)
    elsewhere: int = 0
    """Single requests that were not answered from where they should have been: a store that takes more than 50 ms is not waited for."""
    left_out: dict[str, str] = field(default_factory=dict)

    def latency(self, what: str) -> Latency:
        """Of a kind."""
        return next(each for each in self.latencies if each.what == what)

    def json(self) -> dict[str, Any]:
        """For a file."""
        return {
            **asdict(self),
            "zipf": {
                **self.zipf.shares(),
                "wrong": self.zipf.wrong,
                "saved": self.zipf.saved,
                "tokens": self.zipf.all_tokens,
            },
        }


def latency(what: str, seconds: Sequence[float]) -> Latency:
    """Of single times."""
    return Latency(what, percentile(seconds, 0.5) * 1e3, percentile(seconds, 0.99) * 1e3, len(seconds))
