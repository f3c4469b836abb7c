"""What is run: every trace and start-up time under every scaler, other engines, and our own dials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.autoscaling.engine import BY_SEQUENCES, SMALL, USUAL, Model
from benchmarks.autoscaling.rivals import RIVALS
from benchmarks.autoscaling.traces import SHAPES
from tidegate.plan.scaling.asked import HEADROOM
from tidegate.plan.scaling.policies import Direction
from tidegate.plan.scaling.settings import Settings, Signal

OURS: Final = "Tidegate"
CLAIRVOYANT: Final = "clairvoyant"
SCALERS: Final = (OURS, *RIVALS, CLAIRVOYANT)
TRACES: Final = tuple(SHAPES)
STARTUPS: Final = (40.0, 180.0, 600.0)
"""Seconds: an image and weights on the node; weights from a disk; weights from the net."""
STRONGER: Final = ("queue+kv", "wva")
"""Rivals that look at KV."""
DIALLED: Final = ("diurnal", "spikes", "bursty", "hourly")


@dataclass(frozen=True)
class Case:
    """A cell."""

    trace: str
    startup: float
    model: Model = USUAL

    @property
    def name(self) -> str:
        """In words."""
        other = "" if self.model == USUAL else f", {self.model.name}"
        return f"{self.trace}, {self.startup:.0f} s{other}"


@dataclass(frozen=True)
class Run:
    """One run of a trace under one scaler."""

    case: Case
    scaler: str
    seed: int
    dial: str = ""
    """Of ours; empty: defaults."""


def main_runs(seeds: range) -> Iterator[Run]:
    """Every trace and start-up time under every scaler, with each seed."""
    cases = (Case(trace, startup) for trace in TRACES for startup in STARTUPS)
    yield from (Run(case, scaler, seed) for case in cases for scaler in SCALERS for seed in seeds)


def other_engines(seed: int) -> Iterator[Run]:
    """One that is full by sequences, and a small one, beside the stronger rivals."""
    for model in (BY_SEQUENCES, SMALL):
        for trace in ("step", "spikes"):
            for startup in STARTUPS if trace == "step" else (180.0,):
                yield from (Run(Case(trace, startup, model), scaler, seed) for scaler in (OURS, *STRONGER))


def dials(seed: int) -> Iterator[Run]:
    """Ours with one dial turned."""
    cases = (Case(trace, 180.0) for trace in DIALLED)
    yield from (Run(case, OURS, seed, dial) for case in cases for dial in DIALS if dial)


def _headroom(name: str) -> Settings:
    quantile, safety = HEADROOM[name]
    return Settings(headroom=quantile, safety=safety)


DIALS: Final[dict[str, Settings]] = {
    "": Settings(),
    "headroom: None": _headroom("None"),
    "headroom: Lean": _headroom("Lean"),
    "headroom: Strict": _headroom("Strict"),
    "forecast: None": Settings(forecast=False),
    "scaleDown window 60 s": Settings(down=Direction(window=60.0, tolerance=0.1)),
    "scaleDown window 900 s": Settings(down=Direction(window=900.0, tolerance=0.1)),
    "scaleDown tolerance 0": Settings(down=Direction(window=None)),
    "kvCacheUtilization 65%": Settings(signals=(Signal("kv", "kvCacheUtilization", 0.65),)),
    "queueDepth 5": Settings(signals=(Signal("queue", "queueDepth", 5),)),
}
"""Settings by what is written."""
