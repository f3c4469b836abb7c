"""What a router tells of its caches: https://prometheus.io/docs/practices/naming/"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from tidegate.brain.cache.desk import Desk
from tidegate.contract.router_config import RouterConfig

LABELS = ["namespace", "policy", "cache"]


class CacheMeters:
    """Of one router; counters of a cache that nobody names any more end with it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._of = ("", "")

    def follow(self, config: RouterConfig) -> None:
        """The configuration that Envoy runs."""
        self._of = (config.namespace, config.policy)

    def collect(self) -> Iterable[Metric]:
        """prometheus-client's."""
        requests = CounterMetricFamily(
            "tidegate_cache_requests",
            "Requests of routes with a cache, by result: hit-memory, hit-exact, hit-semantic, coalesced, miss, bypassed (and why).",
            labels=[*LABELS, "result", "reason"],
        )
        stored = CounterMetricFamily(
            "tidegate_cache_answers",
            "Engines' answers, by result: stored, not-stored (and why), forgotten (requests with `forget`).",
            labels=[*LABELS, "result", "reason"],
        )
        saved = CounterMetricFamily(
            "tidegate_cache_saved_tokens", "Tokens that no engine worked for, by type.", labels=[*LABELS, "type"]
        )
        entries = GaugeMetricFamily("tidegate_cache_entries", "Answers in this router's memory.", labels=LABELS)
        size = GaugeMetricFamily("tidegate_cache_bytes", "Bytes of them.", labels=LABELS)
        judged = CounterMetricFamily(
            "tidegate_cache_judged",
            "Answers to similar questions that were compared with an engine's, by verdict: right, wrong, none (nobody could tell).",
            labels=[*LABELS, "verdict"],
        )
        similar = GaugeMetricFamily(
            "tidegate_cache_similar_on",
            "1 while similar questions are answered, 0 after too many false hits.",
            labels=LABELS,
        )
        for name, tier in self._desk.tiers.items():
            of = [*self._of, name]
            for (result, reason), number in tier.results.items():
                family = stored if result in ("stored", "not-stored", "forgotten") else requests
                family.add_metric([*of, result, reason], number)
            for kind, number in tier.saved.items():
                saved.add_metric([*of, kind], number)
            if tier.doubts:
                similar.add_metric(of, int(tier.doubts.on))
                for verdict, number in tier.doubts.verdicts.items():
                    judged.add_metric([*of, verdict], number)
            entries.add_metric(of, len(tier.memory))
            size.add_metric(of, tier.memory.bytes)
        return requests, stored, saved, judged, similar, entries, size
