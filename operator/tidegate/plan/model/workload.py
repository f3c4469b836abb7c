"""A revision's workload: the Deployment or LeaderWorkerSet around its Pod template, and what is kept of it."""

from __future__ import annotations

from typing import Any

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.api.values import seconds
from tidegate.plan.kube.objects import child, revision_labels
from tidegate.plan.model.engine import pod_template
from tidegate.plan.model.group import leader_worker_set
from tidegate.plan.plan import Manifest
from tidegate.plan.world import Defaults


def rendered(
    model: ModelDeployment, revision: str, defaults: Defaults, kind: str, policy: RoutingPolicy | None = None
) -> dict[str, Any]:
    """What a revision's ControllerRevision keeps: the kind and the spec of its workload, and what routers ask of it; with the router of a
    policy in its Pods, if one is to be there."""
    template = pod_template(model, revision, defaults, policy)
    spec = leader_worker_set(model, template) if kind == "LeaderWorkerSet" else _deployment(model, revision, template)
    return {
        "kind": kind,
        "spec": spec,
        "servedNames": model.served_names(),
        "adapters": [adapter.name for adapter in model.spec.model.adapters],
    }


def workload(owner: Manifest, revision: str, data: Manifest, replicas: int) -> dict[str, Any]:
    """The Deployment or LeaderWorkerSet of a revision, from what its ControllerRevision keeps."""
    model = owner["metadata"]["name"]
    labels = revision_labels(model, revision)
    body = {"spec": {"replicas": replicas, **data["spec"]}}
    return child(data["kind"], names.revision_name(model, revision), owner, labels, body)


def _deployment(model: ModelDeployment, revision: str, template: Manifest) -> dict[str, Any]:
    return {
        "revisionHistoryLimit": 2,
        "progressDeadlineSeconds": int(seconds(model.spec.engine.startup_timeout)) + 60,
        "selector": {"matchLabels": revision_labels(model.metadata.name, revision)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": template,
    }
