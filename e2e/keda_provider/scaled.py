"""A model that somebody scales, and what is seen of it."""

from __future__ import annotations

from typing import Any

from e2e.harness import Object, Place, engine_env, model

FAST = {"scaleDown": {"stabilizationWindowSeconds": 0}}
"""Down as soon as a number says so."""


def scaled(provider: str = "KEDA", autoscaling: Object | None = None, **spec: Any) -> Object:
    """Between one engine and four, of four sequences each."""
    said = {"provider": provider, "maxReplicas": 4, **(autoscaling or {})}
    engine = {"env": engine_env(DECODE_MS=20), "maxNumSeqs": 4}
    return model(engine=engine, autoscaling=said, drain={"timeout": "15s"}, **spec)


def wants(engines: int) -> Object:
    """Autoscaling by a query that asks for so many."""
    query = {"promQL": f"vector({engines})", "target": "1"}
    return {"signals": [{"name": "own", "query": query}], "behavior": FAST}


def replicas(place: Place) -> int:
    """What the provider wrote."""
    return int(place.get("mdep/small")["spec"]["replicas"])


def engines(place: Place) -> int:
    """Those that stay."""
    pods = place.items("pods", "tidegate.dev/model=small")
    return sum(not pod["metadata"].get("deletionTimestamp") for pod in pods)


def standing(place: Place) -> tuple[int, frozenset[str]]:
    """The generation of the engines' Deployment, and their uids: the same twice means that none came and none went in between."""
    [workload] = place.items("deploy", "tidegate.dev/model=small")
    pods = place.items("pods", "tidegate.dev/model=small")
    return workload["metadata"]["generation"], frozenset(pod["metadata"]["uid"] for pod in pods)


def active(place: Place) -> tuple[str, str, str]:
    """ScalingActive: status, reason and message."""
    said = place.condition("mdep/small", "ScalingActive")
    return said.get("status", ""), said.get("reason", ""), said.get("message", "")


def decides(place: Place) -> None:
    """KEDA's own condition says so, and ours follows it."""
    place.wait(lambda: said_by_keda(place, "Ready")[0] == "True", "KEDA says that the ScaledObject is Ready", 60)
    place.wait(lambda: active(place)[0] == "True", "KEDA decides")


def said_by_keda(place: Place, kind: str) -> tuple[str, str]:
    """A condition of the ScaledObject: status and reason."""
    found = place.items("scaledobjects.keda.sh")
    said = found[0].get("status", {}).get("conditions", []) if found else []
    return next(((str(c["status"]), str(c.get("reason", ""))) for c in said if c["type"] == kind), ("", ""))


def valued(place: Place) -> int:
    """Metrics of the one HPA that have a value."""
    [hpa] = place.items("hpa")
    found = hpa["status"].get("currentMetrics") or []
    return sum("averageValue" in metric.get("external", {}).get("current", {}) for metric in found)
