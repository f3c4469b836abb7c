"""What a model should be decided by and cannot be: which metric, of which signal, in which engine, since when.

what is looked at                                   reason                   counts after
-------------------------------------------------   ----------------------   ------------
an engine's page lacks a name that is needed        MetricMissing            15 s
an engine that serves has no page                   EngineSilent             15 s
a signal needs Prometheus, and none is known        PrometheusMissing        0 s
Prometheus cannot be asked about a signal           PrometheusUnreachable    45 s
it has no answer, or an old one                     QueryUnanswered          45 s

Words stay as they are when a gap begins to count, so that what is told does not change from look to look. 15 s are those for which an engine is believed;
45 s are three questions in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from tidegate.engines.metrics import SERVES, Unread
from tidegate.plan.scaling.seen import FRESH, FRESH_ANSWER, Reading
from tidegate.plan.scaling.settings import Signal

Reason = Literal["MetricMissing", "EngineSilent", "PrometheusMissing", "PrometheusUnreachable", "QueryUnanswered"]

COUNTS_AFTER: Final[dict[Reason, float]] = {
    "MetricMissing": FRESH,
    "EngineSilent": FRESH,
    "PrometheusMissing": 0.0,
    "PrometheusUnreachable": 45.0,
    "QueryUnanswered": 45.0,
}
"""Seconds, the gravest first."""
ASKED: Final = ("timeToFirstToken", "timePerOutputToken", "query")
"""Kinds of signals that Prometheus has."""


@dataclass(frozen=True)
class Gap:
    """One of them."""

    reason: Reason
    source: str
    """Name of the engine's Pod, or of the signal."""
    words: str
    since: float
    """Unix, seconds."""


def of_engine(pod: str, image: str, said: Unread, signals: Iterable[Signal], now: float) -> Gap:
    """Of an engine that serves and was not read."""
    who = f"{pod} ({image})" if image else pod
    if not said.number:
        return Gap("EngineSilent", pod, f"{who} says nothing: {said.missing}", now)
    needing = ["the load", *(one.name for one in signals if one.kind in SERVES[said.number])]
    verb = "need" if len(needing) > 1 else "needs"
    return Gap("MetricMissing", pod, f"{who} does not show {said.missing}, which {' and '.join(needing)} {verb}", now)


def of_signals(signals: Iterable[Signal], readings: Mapping[str, Reading], now: float) -> list[Gap]:
    """Of those that Prometheus has."""
    asked = (one.name for one in signals if one.kind in ASKED)
    found = (_of_signal(name, readings.get(name), now) for name in asked)
    return [gap for gap in found if gap]


def _of_signal(name: str, reading: Reading | None, now: float) -> Gap | None:
    if reading is None:
        words = f"{name} needs Prometheus, and the operator knows none; set the chart's prometheus.url"
        return Gap("PrometheusMissing", name, words, now)
    if not reading.asked:
        return Gap("PrometheusUnreachable", name, f"{name}: {reading.error}", now)
    if reading.error or reading.age <= FRESH_ANSWER:
        return Gap("QueryUnanswered", name, f"{name}: {reading.gap}", now) if reading.gap else None
    return Gap("QueryUnanswered", name, f"{name}: no answer is newer than {FRESH_ANSWER:.0f} s", now)


def lasting(before: Iterable[Gap], found: Iterable[Gap], now: float) -> tuple[Gap, ...]:
    """Those that are found; one that was there before keeps since when, and its words where it counts."""
    known = {(gap.reason, gap.source): gap for gap in before}
    return tuple(_older(known.get((gap.reason, gap.source)), gap, now) for gap in found)


def _older(known: Gap | None, gap: Gap, now: float) -> Gap:
    if known is None:
        return gap
    return known if _counts(known, now) else replace(gap, since=known.since)


def _counts(gap: Gap, now: float) -> bool:
    return now - gap.since >= COUNTS_AFTER[gap.reason]


def counted(gaps: Iterable[Gap], now: float) -> tuple[Gap, ...]:
    """Those that have lasted, the gravest first."""
    order = list(COUNTS_AFTER)
    old = (gap for gap in gaps if _counts(gap, now))
    return tuple(sorted(old, key=lambda gap: (order.index(gap.reason), gap.source)))
