"""How long an engine of this model takes from its Pod to its first answer: the median of the last five that started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tidegate.plan.scaling.seen import Engine

KEPT: Final = 5


@dataclass(frozen=True)
class Startups:
    """What was measured."""

    seconds: tuple[float, ...] = ()
    """The oldest first."""
    newest: float = 0.0
    """When the engine that was measured last became ready (Unix, seconds)."""

    def usual(self, unknown: float) -> float:
        """Seconds; `unknown` until one was measured."""
        return median(self.seconds) if self.seconds else unknown


def measure(before: Startups, engines: Sequence[Engine]) -> Startups:
    """With the engines that became ready since."""
    ready = sorted((e.ready, e.ready - e.created) for e in engines if e.ready is not None and e.ready > before.newest)
    if not ready:
        return before
    took = tuple(round(seconds, 1) for _, seconds in ready if seconds > 0)
    return Startups((*before.seconds, *took)[-KEPT:], ready[-1][0])
