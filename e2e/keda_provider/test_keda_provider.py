"""Promise: with provider KEDA a real KEDA decides, by what Prometheus has of our engines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import keda, monitoring
from e2e.devcluster import Cluster
from e2e.harness import Load, Object, Place, engine_env, model, policy

pytestmark = [pytest.mark.cluster, pytest.mark.long]
QUEUE = {"name": "queue", "queueDepth": {"target": 4}}
KV = {"name": "kv", "kvCacheUtilization": {"target": "50%"}}
UNDER_WAY = {"name": "under-way", "requestsPerReplica": {"target": 8}}
OWN = {"name": "own", "query": {"promQL": "vector(3)", "target": "1"}}
FAST = {"scaleDown": {"stabilizationWindowSeconds": 0}}


@pytest.fixture(scope="module", autouse=True)
def serving(installed: Cluster) -> Iterator[None]:
    monitoring.watching(installed)
    keda.install(installed)
    yield
    keda.uninstall(installed)


def scaled(provider: str = "KEDA", **autoscaling: Any) -> Object:
    return model(
        engine={"env": engine_env(DECODE_MS=20), "maxNumSeqs": 4},
        autoscaling={"provider": provider, "maxReplicas": 4, **autoscaling},
        drain={"timeout": "15s"},
    )


def replicas(place: Place) -> int:
    return int(place.get("mdep/small")["spec"]["replicas"])


def engines(place: Place) -> int:
    pods = place.items("pods", "tidegate.dev/model=small")
    return sum(not pod["metadata"].get("deletionTimestamp") for pod in pods)


def decides(place: Place) -> None:
    """Its own condition says so, and ours follows it."""
    place.wait(lambda: _ready(place) == "True", "KEDA says that the ScaledObject is Ready", 60)
    place.wait(lambda: place.condition("mdep/small", "ScalingActive").get("status") == "True", "KEDA decides")


def _ready(place: Place) -> str:
    found = place.items("scaledobjects.keda.sh")
    said = found[0].get("status", {}).get("conditions", []) if found else []
    return next((str(c["status"]) for c in said if c["type"] == "Ready"), "")


def test_a_burst_and_its_end(place: Place) -> None:
    place.apply(scaled(signals=[QUEUE], behavior=FAST), policy())
    place.ready("mdep/small", "rpol/front")
    decides(place)
    with Load(place.router()).running(streams=24, tokens=60, short=2) as tally:
        began = time.monotonic()
        place.wait(lambda: replicas(place) > 1, "KEDA asks for more", 90)
        print(f"KEDA asked for more after {time.monotonic() - began:.1f} s")
        place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] > 1, "they answer", 90)
        assert place.get("mdep/small")["status"]["autoscaling"]["provider"] == "KEDA"
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    place.wait(lambda: replicas(place) == 1, "KEDA takes them away again", 120)
    place.wait(lambda: engines(place) == 1, "they leave", 90)


def test_each_signal_is_one_that_keda_can_read(place: Place) -> None:
    place.apply(scaled(signals=[QUEUE, KV, UNDER_WAY, OWN]), policy())
    place.ready("mdep/small", "rpol/front")
    decides(place)
    place.wait(lambda: replicas(place) == 3, "the query asks for 3", 90)
    place.wait(lambda: _current(place) == 4, "the HPA has a number of every trigger")


def _current(place: Place) -> int:
    """Metrics of KEDA's HPA that have a value."""
    [hpa] = place.items("hpa")
    found = hpa["status"].get("currentMetrics") or []
    return sum("averageValue" in metric.get("external", {}).get("current", {}) for metric in found)
