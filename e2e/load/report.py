"""What a load saw, on both sides of the pipe: the generator fills a Tally and tells of it line by line, the test reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """A request that went wrong."""

    at: float
    """When it was known, in Unix time."""
    began: float
    """When it was sent, or its connection begun."""
    kind: str
    """`stream` or `short`."""
    cut: bool
    """A stream that began and did not end with [DONE]; else one that had no 200."""
    what: str
    """Status and body, or the error."""
    router: str
    """IP of the router Pod; empty when it refused the connection."""
    engine: str
    """Name of the engine Pod; empty when no engine answered."""
    fresh: bool
    """The first request of its connection."""


@dataclass
class Tally:
    """What a load saw."""

    answers: Counter[int] = field(default_factory=Counter)
    """By status; 0 is no answer at all. Streams count when they end."""
    cut: int = 0
    """Streams that began and did not end with [DONE]."""
    streams: int = 0
    """Streams under way now."""
    backends: Counter[str] = field(default_factory=Counter)
    revisions: Counter[str] = field(default_factory=Counter)
    engines: Counter[str] = field(default_factory=Counter)
    """By Pod name."""
    routers: Counter[str] = field(default_factory=Counter)
    """By Pod IP."""
    first_byte: dict[str, list[float]] = field(default_factory=dict)
    """Seconds to the first byte of the body, by kind: median and 99th percentile. Known at the end."""
    failures: list[Failure] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Requests without a 200."""
        return sum(count for status, count in self.answers.items() if status != 200)

    @property
    def harm(self) -> tuple[list[Failure], int, int]:
        """The first failures, how many requests failed, and how many streams were cut: `([], 0, 0)` is what is promised."""
        return self.failures[:3], self.failed, self.cut

    def lines(self) -> Line:
        """Everything but the failures, which are told one by one as they happen."""
        return {name: value for name, value in vars(self).items() if name != "failures"}

    def take(self, line: Line) -> None:
        """A line of the generator's output."""
        if "failure" in line:
            self.failures.append(Failure(**line["failure"]))
            return
        told = line["tally"]
        self.answers = Counter({int(status): count for status, count in told["answers"].items()})
        for name in ("backends", "revisions", "engines", "routers"):
            setattr(self, name, Counter(told[name]))
        self.cut, self.streams, self.first_byte = told["cut"], told["streams"], told["first_byte"]


def middle_and_tail(samples: Iterable[float]) -> list[float]:
    """Median and 99th percentile; empty for fewer than two."""
    known = list(samples)
    if len(known) < 2:
        return []
    return [round(median(known), 4), round(quantiles(known, n=100)[98], 4)]
