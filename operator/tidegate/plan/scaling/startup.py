"""How long an engine of this model takes from its Pod to its first answer: the median of the last five that started.

Each engine counts once, when it answers for the first time: one that stops answering for a while and answers again has not started anew.
After a gap nobody knows which of those that answer did that, so that they count only where nothing is known yet.
"""

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
    counted: frozenset[str] | None = None
    """Engines that are there and have counted; None: nobody has looked yet."""

    def usual(self, unknown: float) -> float:
        """Seconds; `unknown` until one was measured."""
        return median(self.seconds) if self.seconds else unknown


def measure(before: Startups, engines: Sequence[Engine]) -> Startups:
    """With the engines that answer for the first time."""
    ready = [(e.ready, e.ready - e.created, _name(e)) for e in engines if e.ready is not None]
    known = before.counted or frozenset()
    if before.counted is None and before.seconds:
        known = frozenset(name for _, _, name in ready)
    took = tuple(round(seconds, 1) for _, seconds, name in sorted(ready) if name not in known and seconds > 0)
    here = frozenset(map(_name, engines))
    return Startups((*before.seconds, *took)[-KEPT:], (known & here) | {name for _, _, name in ready})


def _name(engine: Engine) -> str:
    return engine.name or str(engine.created)
