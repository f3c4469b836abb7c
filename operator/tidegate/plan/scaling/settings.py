"""What is asked of the decision: bounds, targets, dials. Lengths of time are seconds, shares are between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tidegate.plan.scaling.policies import Direction
from tidegate.plan.scaling.schedules import Schedule

Kind = Literal[
    "queueDepth", "kvCacheUtilization", "timeToFirstToken", "timePerOutputToken", "requestsPerReplica", "query"
]


@dataclass(frozen=True)
class Signal:
    """A signal that the user named."""

    name: str
    kind: Kind
    target: float
    """Requests a replica, a share, seconds, or whatever the query counts a replica."""


@dataclass(frozen=True)
class Settings:
    """Of one model."""

    least: int = 1
    most: int = 12
    signals: tuple[Signal, ...] = ()
    up: Direction = field(default_factory=Direction)
    down: Direction = field(default_factory=lambda: Direction(window=None, tolerance=0.1))
    schedules: tuple[Schedule, ...] = ()
    idle_after: float | None = None
    """Seconds without a request after which the last replica leaves; only with `least` 0."""
    forecast: bool = True
    safety: float = 2.5
    """z: standard deviations of the work under way that replicas have room for."""
    headroom: float = 0.95
    """Quantile of the shortfall that is kept in reserve; 0: none."""
    sequences: int = 256
    """The engine's `maxNumSeqs`."""
    startup: float = 180.0
    """Until one was measured."""
    least_life: float = 120.0
    """For which a replica stays after it became ready."""

    def __post_init__(self) -> None:
        if not (0 <= self.least <= self.most and self.sequences > 0 and 0 <= self.headroom < 1 and self.startup > 0):
            raise ValueError(f"{self}: 0 <= least <= most, sequences and startup over 0, headroom below 1")

    @property
    def ceiling(self) -> float:
        """Mean KV use that is never planned beyond."""
        return next((s.target for s in self.signals if s.kind == "kvCacheUtilization"), 0.8)
