"""Tidegate's decision, as it is: `tidegate.plan.scaling.decide`, given what the fleet's scrapes say."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchmarks.autoscaling.fleet import Look, Sample
from benchmarks.autoscaling.traces import Trace
from tidegate.plan.scaling.decide import decide
from tidegate.plan.scaling.forecast import BIN, DAY, Days
from tidegate.plan.scaling.seen import Engine, Seen
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.startup import Startups
from tidegate.plan.scaling.state import State

MIDNIGHT: Final = 20_000 * 86_400.0
"""When the trace begins (Unix, seconds)."""


class Ours:
    """Keeps what the decision gives back."""

    def __init__(self, settings: Settings, trace: Trace, startup: float) -> None:
        self.settings = settings
        self.state = State(startups=Startups((startup,)), days=_days(trace.peaks))

    def decide(self, look: Look) -> int:
        """As `Scaler`."""
        at = MIDNIGHT + look.now
        seen = Seen(at, look.replicas, [_engine(one, at) for one in look.samples], look.arrived)
        decision = decide(seen, self.settings, self.state)
        self.state = decision.state
        return decision.replicas


def _engine(one: Sample, at: float) -> Engine:
    ready = None if one.ready is None else MIDNIGHT + one.ready
    load = (one.waiting, one.running, one.kv, one.token_seconds)
    return Engine(MIDNIGHT + one.created, ready, one.draining, at, *load, name=str(one.name))


def _days(peaks: tuple[float, ...]) -> Days:
    """Yesterday's, as if they had been seen."""
    if not peaks:
        return Days()
    first = int(MIDNIGHT // BIN) - DAY
    ring = list(Days().peaks)
    for bin_, peak in enumerate(peaks, first):
        ring[bin_ % len(ring)] = peak
    return replace(Days(), peaks=tuple(ring), last=int(MIDNIGHT // BIN) - 1)
