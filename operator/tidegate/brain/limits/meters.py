"""What limits tell Prometheus: as many series as a policy has limits, whoever asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from tidegate.brain.limits.counting import Counting
from tidegate.contract.router_config import RouterConfig

LABELS: Final = ["namespace", "policy"]
TEXTS: Final = {
    "tidegate_limited_requests": "Requests that a limit refused, by limit; one that several refuse counts for each.",
    "tidegate_limits_shared": "1 while the policy's routers count limits together, 0 while this one counts alone.",
}


class LimitMeters:
    """Of one router."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._who = ["", ""]

    def follow(self, config: RouterConfig) -> None:
        """The configuration that Envoy runs."""
        self._who = [config.namespace, config.policy]

    def collect(self) -> Iterable[Metric]:
        """prometheus-client's."""
        limits = self._counting.limits
        refused = CounterMetricFamily(
            "tidegate_limited_requests", TEXTS["tidegate_limited_requests"], labels=[*LABELS, "limit"]
        )
        shared = GaugeMetricFamily("tidegate_limits_shared", TEXTS["tidegate_limits_shared"], labels=LABELS)
        if limits:
            for limit in limits.each:
                refused.add_metric([*self._who, limit.name], self._counting.refused[limit.name])
            shared.add_metric(self._who, int(self._counting.is_shared))
        return (refused, shared) if limits else ()
