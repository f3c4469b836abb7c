"""A question of a plan, asked of Prometheus: points at the edges of intervals, or one number."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from tidegate.cluster.prometheus import Prometheus
from tidegate.plan.gates.counters import BEFORE
from tidegate.plan.model.judging.questions import edges
from tidegate.plan.plan import Query
from tidegate.plan.samples import Measurement


async def measure(prometheus: Prometheus, query: Query, now: float) -> Measurement:
    """The answer at this Unix time; empty while no interval is over. What goes wrong is told in it."""
    found = await (_counted(prometheus, query, now) if query.counted else _number(prometheus, query, now))
    return replace(found, at=now)


async def _counted(prometheus: Prometheus, query: Query, now: float) -> Measurement:
    between = edges(query, now)
    if len(between) < 2:
        return Measurement()
    width = between[1] - between[0]
    start = between[0] - ceil(BEFORE / width) * width
    return await prometheus.query_range(query.promql, start, between[-1], width)


async def _number(prometheus: Prometheus, query: Query, now: float) -> Measurement:
    window = max(round(now - query.begin), 1)
    return await prometheus.query(query.promql.replace("$(window)", f"{window}s"), now)
