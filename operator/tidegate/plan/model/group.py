"""A replica that is a group of Pods: its LeaderWorkerSet, whose leader answers while the workers hold the other GPUs.

https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/
"""

from __future__ import annotations

from typing import Any

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.model.argv import group_size
from tidegate.plan.plan import Manifest


def leader_worker_set(model: ModelDeployment, template: Manifest) -> dict[str, Any]:
    """One group of Pods for each replica; the leader answers, the workers hold the other GPUs.

    https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/
    """
    size = group_size(model.spec.engine)
    return {
        "startupPolicy": "LeaderCreated",
        "rolloutStrategy": {
            "type": "RollingUpdate",
            "rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "leaderWorkerTemplate": {
            "size": size,
            "restartPolicy": "RecreateGroupOnPodRestart",
            "leaderTemplate": _group_member(template, size, leader=True),
            "workerTemplate": _group_member(template, size, leader=False),
        },
    }


def _group_member(template: Manifest, size: int, *, leader: bool) -> dict[str, Any]:
    """Workers run headless: no port, no probes, and no label by which a Service would find them."""
    engine = template["spec"]["containers"][0]
    group = [
        "--nnodes", str(size), "--node-rank", "$(LWS_WORKER_INDEX)", "--master-addr", "$(LWS_LEADER_ADDRESS)",
        *(() if leader else ("--headless",)),
    ]  # fmt: skip
    member = {**engine, "args": [*engine["args"], *group]}
    labels = dict(template["metadata"]["labels"])
    if not leader:
        member = {k: v for k, v in member.items() if not k.endswith("Probe") and k != "ports"}
        labels[names.ROLE_LABEL] = "engine-worker"
    spec = {**template["spec"], "containers": [member, *template["spec"]["containers"][1:]]}
    return {**template, "metadata": {**template["metadata"], "labels": labels}, "spec": spec}
