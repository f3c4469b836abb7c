"""The operator's replicas: which one leads, and their processes."""

from __future__ import annotations

from typing import Any

from e2e.devcluster import Cluster
from e2e.install import NAMESPACE

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/tidegate-operator"


def lease(cluster: Cluster) -> dict[str, Any]:
    """The spec of their Lease."""
    return dict(cluster.api.get(LEASE)["spec"])


def leader(cluster: Cluster) -> str:
    """The Pod that holds the Lease; empty when none does."""
    return str(lease(cluster).get("holderIdentity", ""))


def pods(cluster: Cluster) -> list[dict[str, Any]]:
    """Their Pods."""
    found: list[dict[str, Any]] = cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
    return found


def settled(cluster: Cluster) -> str:
    """Waits until there are two, both ready, one of which leads; returns the leader's Pod. A test before may have ended some."""
    cluster.wait(lambda: _all_ready(cluster), "both operators are ready, and one leads", 120)
    return leader(cluster)


def _all_ready(cluster: Cluster) -> bool:
    found = pods(cluster)
    ready = [
        pod["metadata"]["name"]
        for pod in found
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
    ]
    return len(found) == len(ready) == 2 and leader(cluster) in ready


def pid(cluster: Cluster, pod: str) -> int:
    """The process of one replica, as seen out here. Raises ClusterError when it does not run."""
    return cluster.container_pid(NAMESPACE, pod, "operator")


def pids(cluster: Cluster) -> list[int]:
    """The processes of all replicas."""
    return [pid(cluster, pod["metadata"]["name"]) for pod in pods(cluster)]


def scale(cluster: Cluster, replicas: int) -> None:
    """So many replicas, all ready, and those of before are gone."""
    cluster.kubectl("-n", NAMESPACE, "scale", "deploy/tidegate", f"--replicas={replicas}")
    cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deploy/tidegate", "--timeout=110s")
    cluster.wait(lambda: len(pods(cluster)) == replicas, f"{replicas} operators")
