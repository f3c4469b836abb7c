"""What an HPA compares with a target: the total of a signal over all engines. None while an engine that should say something does not: an
HPA holds then, where a sum without it would take engines away.

    queueDepth                waiting in engines, and held by routers
    kvCacheUtilization        the sum of what is in use, in full engines: by KV or by sequences, whichever is nearer to full
    requestsPerReplica        running, waiting and held; mean of a minute
    query                     what Prometheus answered
    a latency                 none: it has no total
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.plan.scaling.seen import Reading, Seen
from tidegate.plan.scaling.settings import Settings, Signal
from tidegate.plan.scaling.ticks import Ticks


def totals(seen: Seen, ticks: Ticks, settings: Settings) -> dict[str, float]:
    """By the signals' names; without those that have none."""
    return dict(_known(seen, ticks, settings))


def _known(seen: Seen, ticks: Ticks, settings: Settings) -> Iterator[tuple[str, float]]:
    heard = seen.serving and not seen.silent
    for one in settings.signals:
        if one.kind == "query":
            reading = seen.readings.get(one.name, Reading(error="it was not read yet"))
            if not reading.gap:
                yield one.name, reading.value or 0.0
        elif heard and one.kind in ("queueDepth", "kvCacheUtilization", "requestsPerReplica"):
            yield one.name, _of_engines(one, seen, ticks, settings)


def _of_engines(one: Signal, seen: Seen, ticks: Ticks, settings: Settings) -> float:
    if one.kind == "queueDepth":
        return float(seen.queued)
    return seen.work(settings.sequences) if one.kind == "kvCacheUtilization" else ticks.requests
