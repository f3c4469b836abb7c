"""What is known of one objective at one look: the requests of both revisions, interval by interval, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests that ended within one interval, and how many of them were bad: errors, or slower than a bound.

    Raises ValueError when a count is negative or more are bad than there were.
    """

    stable: int
    stable_bad: int
    candidate: int
    candidate_bad: int

    def __post_init__(self) -> None:
        if not (0 <= self.stable_bad <= self.stable and 0 <= self.candidate_bad <= self.candidate):
            raise ValueError(f"{self}: bad requests are some of all requests")


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval of which nothing, or not everything, is known."""

    kind: Literal["error", "missing", "stale"]
    """The question failed; a series is not there; a series ended too long ago."""
    why: str
    """For people: `Prometheus did not answer`."""


@dataclass(frozen=True)
class Step:
    """What is known of one step of a rollout, for this objective: its warm-up is left out already."""

    intervals: tuple[Counts | Gap, ...]
    """Oldest first, each as long as the others."""
    traffic: float | None = None
    """The share of requests (0 to 1) that weights give to the candidate; None where weights do not tell, as with sticky clients."""

    @property
    def known(self) -> list[Counts]:
        """The intervals that have counts."""
        return [one for one in self.intervals if isinstance(one, Counts)]

    @property
    def gap(self) -> Gap | None:
        """What is missing at the newest interval. An older gap is none: counters give later what was not read then."""
        newest = self.intervals[-1] if self.intervals else None
        return newest if isinstance(newest, Gap) else None


def total(intervals: Iterable[Counts]) -> Counts:
    """All of them as one."""
    rows = [(one.stable, one.stable_bad, one.candidate, one.candidate_bad) for one in intervals]
    return Counts(*map(sum, zip((0, 0, 0, 0), *rows, strict=True)))
