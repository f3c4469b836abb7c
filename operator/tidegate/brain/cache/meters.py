"""What a router tells of its caches: https://prometheus.io/docs/practices/naming/"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from tidegate.brain.cache.desk import Desk
from tidegate.brain.cache.tier import Tier
from tidegate.contract.router_config import RouterConfig

LABELS: Final = ("namespace", "policy", "cache")
ANSWERS: Final = ("stored", "not-stored", "forgotten")
"""Results that are of engines' answers, and not of requests."""
COUNTERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "requests": (
        "Requests of routes with a cache, by result: hit-memory, hit-exact, hit-semantic, coalesced, miss, bypassed (and why).",
        ("result", "reason"),
    ),
    "answers": (
        "Engines' answers, by result: stored, not-stored (and why), forgotten (requests with `forget`).",
        ("result", "reason"),
    ),
    "saved_tokens": ("Tokens that no engine worked for, by type.", ("type",)),
    "saved_dollars": ("US dollars that these tokens would have cost, of backends whose price the policy says.", ()),
    "judged": (
        "Answers to similar questions that were compared with an engine's, by verdict: right, wrong, none (nobody could tell).",
        ("verdict",),
    ),
}
GAUGES: Final = {
    "entries": "Answers in this router's memory.",
    "bytes": "Bytes of them.",
    "similar_on": "1 while similar questions are answered, 0 after too many false hits.",
}
Sample = tuple[str, tuple[str, ...], float]
"""A metric, the values of its own labels, and its value."""


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
        families: dict[str, Metric] = {
            name: CounterMetricFamily(f"tidegate_cache_{name}", text, labels=[*LABELS, *labels])
            for name, (text, labels) in COUNTERS.items()
        }
        families |= {
            name: GaugeMetricFamily(f"tidegate_cache_{name}", text, labels=LABELS) for name, text in GAUGES.items()
        }
        for cache, tier in self._desk.tiers.items():
            for name, labels, value in _samples(tier):
                families[name].add_metric([*self._of, cache, *labels], value)  # type: ignore[attr-defined]
        return families.values()


def _samples(tier: Tier) -> Iterator[Sample]:
    for (result, reason), number in tier.results.items():
        yield "answers" if result in ANSWERS else "requests", (result, reason), number
    for kind, number in tier.saved.items():
        yield "saved_tokens", (kind,), number
    yield "saved_dollars", (), tier.dollars
    yield "entries", (), len(tier.memory)
    yield "bytes", (), tier.memory.bytes
    if tier.doubts:
        yield "similar_on", (), int(tier.doubts.on)
        for verdict, number in tier.doubts.verdicts.items():
            yield "judged", (verdict,), number
