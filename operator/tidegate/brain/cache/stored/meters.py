"""What a tier's store tells Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

LABELS: Final = ["namespace", "policy", "cache"]
COUNTERS: Final = {
    "hits": "Look-ups in the store that found an answer.",
    "misses": "Look-ups in the store that found none.",
    "away": "Look-ups that did without the store, which was away or slow.",
    "puts": "Answers that were stored.",
    "dropped": "Answers that were not stored: too much waited, the store was away, or refused, or they are too large.",
    "evicted": "Answers that left before their time, for new ones.",
    "damaged": "Answers and news in the store that could not be read, and were dropped.",
}
GAUGES: Final = {
    "bytes": "Bytes of all of the tier's answers in its store, as of the last put.",
    "entries": "The tier's answers in its store, as of the last put.",
    "shared": "1 while the tier's store answers, else 0.",
}


@dataclass
class TierMeters:
    """Of one tier in one router."""

    scope: str
    cache: str
    hits: int = 0
    misses: int = 0
    away: int = 0
    puts: int = 0
    dropped: int = 0
    evicted: int = 0
    damaged: int = 0
    bytes: int = 0
    entries: int = 0
    shared: int = 0


class StoredMeters:
    """Of all tiers of one router."""

    def __init__(self, each: Callable[[], Iterable[TierMeters]]) -> None:
        self._each = each

    def collect(self) -> Iterable[Metric]:
        """prometheus-client's."""
        known = list(self._each())
        for family, texts in ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, GAUGES)):
            for name, text in texts.items():
                series = family(f"tidegate_cache_store_{name}", text, labels=LABELS)
                for tier in known:
                    series.add_metric([*tier.scope.split("/", 1), tier.cache], getattr(tier, name))
                yield series
