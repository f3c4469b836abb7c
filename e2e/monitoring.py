"""A real Prometheus in a dev cluster: the manifest that users apply, with the binary that `devcluster` builds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import httpx

from e2e.devcluster import Cluster, build
from e2e.devcluster.cluster import say

MANIFEST = Path(__file__).resolve().parents[1] / "manifests/monitoring/prometheus.yaml"
NAMESPACE: Final = "tidegate-monitoring"
INSIDE: Final = f"http://prometheus.{NAMESPACE}:9090"
"""Its address for Pods."""


def settings(scrape_seconds: int) -> tuple[str, str]:
    """What the chart is told, so that the operator asks this one."""
    return f"prometheus.url={INSIDE}", f"prometheus.scrapeInterval={scrape_seconds}"


@dataclass(frozen=True)
class Sample:
    """One series of an instant query's answer."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Prometheus:
    """One that runs; `url` is its address out here."""

    url: str

    def query(self, promql: str) -> list[Sample]:
        """An instant vector. Raises httpx.HTTPError."""
        found = self._get("query", query=promql)["result"]
        return [Sample(each["metric"], float(each["value"][1])) for each in found]

    def targets(self) -> list[dict[str, Any]]:
        """What is scraped. Raises httpx.HTTPError."""
        return list(self._get("targets", state="active")["activeTargets"])

    def rules(self) -> list[dict[str, Any]]:
        """What is recorded, and the alerts. Raises httpx.HTTPError."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=10)
        data: dict[str, Any] = answer.raise_for_status().json()["data"]
        return data


def start(cluster: Cluster, tell: Callable[[str], None] = say, scrape_interval: str = "5s") -> Prometheus:
    """Applies the manifest and waits until Prometheus answers; builds it first where it never was."""
    build.prometheus(tell)
    manifest = MANIFEST.read_text().replace("scrape_interval: 5s", f"scrape_interval: {scrape_interval}")
    cluster.apply(manifest, namespace=NAMESPACE)
    cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/prometheus", "--timeout=100s")
    made = Prometheus(cluster.forward(NAMESPACE, "prometheus", 9090))
    cluster.wait(partial(_answers, made), "Prometheus answers")
    return made


@cache
def watching(cluster: Cluster) -> Prometheus:
    """The one of this cluster, which scrapes every second; started when it is first asked for, ended with the cluster."""
    return start(cluster, scrape_interval="1s")


def _answers(prometheus: Prometheus) -> bool:
    try:
        return prometheus.query("vector(1)")[0].value == 1
    except httpx.HTTPError:
        return False
