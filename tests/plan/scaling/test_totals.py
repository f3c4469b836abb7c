"""What an HPA compares with its targets."""

from __future__ import annotations

from tidegate.plan.scaling.seen import Engine, Reading, Seen
from tidegate.plan.scaling.settings import Settings, Signal
from tidegate.plan.scaling.ticks import Tick, Ticks
from tidegate.plan.scaling.totals import totals

SIGNALS = Settings(
    signals=(
        Signal("queue", "queueDepth", 5),
        Signal("kv", "kvCacheUtilization", 0.8),
        Signal("load", "requestsPerReplica", 20),
        Signal("own", "query", 2),
        Signal("ttft", "timeToFirstToken", 0.5),
    )
)
TICKS = Ticks((Tick(1000.0, 5.0, 3, 1.1, 42),))


def engine(waiting: int, kv: float, read: float | None = 999.0) -> Engine:
    return Engine(0.0, 500.0, read=read, waiting=waiting, running=10, kv=kv)


def test_totals() -> None:
    seen = Seen(1000.0, 2, [engine(3, 0.5), engine(4, 0.25)], held=1, readings={"own": Reading(6.0, 10.0)})
    assert totals(seen, TICKS, SIGNALS) == {"queue": 8.0, "kv": 0.75, "load": 42.0, "own": 6.0}


def test_silence_says_nothing() -> None:
    """A sum without an engine would take one away."""
    seen = Seen(1000.0, 2, [engine(3, 0.5), engine(4, 0.25, None)], readings={"own": Reading(error="gone")})
    assert totals(seen, TICKS, SIGNALS) == {}
