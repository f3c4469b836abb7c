"""A plan by somebody who knows the arrivals: engines start one start-up time early, and stay over a gap where that is cheaper.

It is a plan and no bound: a better one may exist.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.autoscaling.engine import Floats
from benchmarks.autoscaling.fleet import EVERY, LEAST, MOST, Look
from benchmarks.autoscaling.traces import Trace
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.staffing import need

Flags = NDArray[np.bool_]

FOOTPRINT: Final = 0.034
"""Share of an engine that a request takes."""
CAREFUL: Final = Settings(safety=3.0)
SLOWEST: Final = 1.12
"""Times the start-up time."""


class Clairvoyant:
    """Follows its plan."""

    def __init__(self, trace: Trace, startup: float) -> None:
        needed = _needed(trace)
        lead = ceil(startup * SLOWEST / EVERY) + 1
        self.plan = np.full(len(needed) + 1, LEAST, dtype=int)
        for level in range(LEAST + 1, MOST + 1):
            self.plan[:-1] += _on(needed >= level, lead)

    def decide(self, look: Look) -> int:
        """As `Scaler`."""
        return int(self.plan[min(len(self.plan) - 1, int(look.now / EVERY))])


def _needed(trace: Trace) -> Floats:
    """Engines, every 5 s."""
    edges = np.arange(0, trace.horizon + EVERY, EVERY)
    counts = np.histogram(trace.arrival, edges, weights=trace.work)[0]
    smooth = np.convolve(np.pad(counts, 6, mode="edge"), np.ones(13) / 13, mode="valid") / EVERY / trace.model.full
    each = np.array([min(MOST, ceil(need(work, FOOTPRINT, 1.0, CAREFUL))) for work in smooth])
    return np.array([each[max(0, i - 3) : i + 3].max() for i in range(len(each))])


def _on(on: Flags, lead: int) -> Flags:
    """When one engine more is there: gaps shorter than a start are filled, and each beginning is a start-up time earlier."""
    on, at = on.copy(), np.flatnonzero(on)
    for one, other in pairwise(at):
        if 1 < other - one <= lead + 1:
            on[one:other] = True
    wide = on.copy()
    for begin in np.flatnonzero(on & ~np.r_[False, on[:-1]]):
        wide[max(0, begin - lead) : begin] = True
    return wide
