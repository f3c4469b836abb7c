"""A replica that is a group of Pods: its LeaderWorkerSet, whose leader answers while the workers hold the other GPUs.

https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/
"""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.kube.reading import part, text
from tidegate.plan.model.argv import group_size
from tidegate.plan.plan import Manifest

AFTER_LEADER: Final = f"""\
import http.client, os, time
misses = 0
while misses < 3:
    try:
        leader = http.client.HTTPConnection(os.environ["LWS_LEADER_ADDRESS"], {names.ENGINE_PORT}, timeout=5)
        leader.request("GET", "/health")
        misses = 0 if leader.getresponse().status == 200 else misses + 1
    except (OSError, http.client.HTTPException):
        misses += 1
    time.sleep(1)
"""
"""A worker's preStop hook: returns when the leader has not answered for three seconds. The controller deletes the leader with
its workers, and a draining leader goes on answering; kubelet ends the hook with the grace period."""


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
    """Workers run headless: no port, no probes, and no label by which a Service would find them. A worker that ended before
    its leader would cut the leader's streams, so it waits for it."""
    containers = template["spec"]["containers"]
    at, engine = next((i, c) for i, c in enumerate(containers) if c["name"] == names.ENGINE_CONTAINER)
    group = [
        "--nnodes", str(size), "--node-rank", "$(LWS_WORKER_INDEX)", "--master-addr", "$(LWS_LEADER_ADDRESS)",
        *(() if leader else ("--headless",)),
    ]  # fmt: skip
    member = {**engine, "args": [*engine["args"], *group]}
    labels = dict(template["metadata"]["labels"])
    if not leader:
        member = {k: v for k, v in member.items() if not k.endswith("Probe") and k != "ports"}
        member["lifecycle"] = {"preStop": {"exec": {"command": ["python3", "-c", AFTER_LEADER]}}}
        labels[names.ROLE_LABEL] = names.ROLE_WORKER
    spec = {**template["spec"], "containers": [*containers[:at], member, *containers[at + 1 :]]}
    return {**template, "metadata": {**template["metadata"], "labels": labels}, "spec": spec}


def works_for_another(pod: Manifest) -> bool:
    """Whether it is a worker: it is Ready as soon as it runs, and only its leader can be asked anything."""
    return text(part(pod, "metadata").get("labels"), names.ROLE_LABEL) == names.ROLE_WORKER
