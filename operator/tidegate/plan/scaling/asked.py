"""From what the user wrote to what the decision asks.

headroom    quantile   safety    for
---------   --------   ------    ------------------------------------------------
None        0          2.0       batch work
Lean        0.90       2.0       a bill that matters more than a late first token
Standard    0.95       2.5       chat
Strict      0.99       3.0       an objective of 99 % and more
"""

from __future__ import annotations

from typing import Final

from tidegate.api import autoscaling as api
from tidegate.api.providers import OPERATOR
from tidegate.api.values import fraction, seconds
from tidegate.plan.scaling.policies import Direction, Policy
from tidegate.plan.scaling.schedules import Schedule
from tidegate.plan.scaling.settings import Settings, Signal

HEADROOM: Final = {"None": (0.0, 2.0), "Lean": (0.90, 2.0), "Standard": (0.95, 2.5), "Strict": (0.99, 3.0)}
"""Quantile and safety."""
UP_TOLERANCE, DOWN_TOLERANCE = 0.0, 0.1


def settings(wanted: api.Autoscaling, sequences: int) -> Settings:
    """Of `spec.autoscaling`; `sequences`: the engine's maxNumSeqs."""
    quantile, safety = HEADROOM[wanted.headroom]
    up, down = _directions(wanted)
    return Settings(
        least=wanted.min_replicas,
        most=wanted.max_replicas,
        signals=tuple(_signal(one) for one in wanted.signals),
        up=up,
        down=down,
        schedules=tuple(_schedule(one) for one in wanted.schedules),
        idle_after=seconds(wanted.scale_to_zero.after) if wanted.scale_to_zero else None,
        forecast=wanted.forecast == "Yesterday",
        safety=safety,
        headroom=quantile,
        sequences=sequences,
    )


def _directions(wanted: api.Autoscaling) -> tuple[Direction, Direction]:
    """Another provider has windows and policies of its own: two windows behind each other would take twice as long."""
    if wanted.provider != OPERATOR:
        return Direction(tolerance=UP_TOLERANCE), Direction(tolerance=DOWN_TOLERANCE)
    up, down = wanted.behavior.scale_up, wanted.behavior.scale_down
    return (
        _direction(up, UP_TOLERANCE, float(up.stabilization_window_seconds or 0)),
        _direction(down, DOWN_TOLERANCE, _window(down)),
    )


def _signal(one: api.Signal) -> Signal:
    if one.queue_depth:
        return Signal(one.name, "queueDepth", one.queue_depth.target)
    if one.kv_cache_utilization:
        return Signal(one.name, "kvCacheUtilization", float(fraction(one.kv_cache_utilization.target)))
    if one.requests_per_replica:
        return Signal(one.name, "requestsPerReplica", one.requests_per_replica.target)
    if one.query:
        return Signal(one.name, "query", float(one.query.target))
    if one.time_to_first_token:
        return Signal(one.name, "timeToFirstToken", seconds(one.time_to_first_token.target))
    if one.time_per_output_token:
        return Signal(one.name, "timePerOutputToken", seconds(one.time_per_output_token.target))
    raise ValueError(f"signal {one.name} has no kind")


def _direction(one: api.Direction, tolerance: float, window: float | None) -> Direction:
    return Direction(
        window=window,
        policies=tuple(Policy(p.type, p.value, float(p.period_seconds)) for p in one.policies or ()),
        select=one.select_policy,
        tolerance=tolerance if one.tolerance is None else float(one.tolerance),
    )


def _window(down: api.Direction) -> float | None:
    return None if down.stabilization_window_seconds is None else float(down.stabilization_window_seconds)


def _schedule(one: api.Schedule) -> Schedule:
    return Schedule(one.name, one.cron, one.time_zone, seconds(one.duration), one.min_replicas)
