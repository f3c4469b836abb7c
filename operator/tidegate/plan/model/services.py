"""What stands around a model's engines: Services, the claim for weights, and what Prometheus needs."""

from __future__ import annotations

from typing import Any

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.kube.objects import child, disruption_budget, model_labels, revision_labels
from tidegate.plan.model.place import evictable
from tidegate.plan.plan import Manifest


def headless_service(owner: Manifest, model: str, revision: str, workload_kind: str) -> dict[str, Any]:
    """Names the engines of one revision; routers read its EndpointSlices."""
    labels = revision_labels(model, revision)
    spec = {"clusterIP": "None", "selector": labels, "ports": [_http_port(names.ENGINE_PORT)]}
    return child("Service", names.engines_service(model, revision, workload_kind), owner, labels, {"spec": spec})


def budget(owner: Manifest, model: ModelDeployment, revision: str) -> dict[str, Any]:
    """How many of a revision's Pods, leaders and workers alike, may be taken away at a time."""
    name = model.metadata.name
    labels = revision_labels(name, revision)
    covered = {key: value for key, value in labels.items() if key != names.ROLE_LABEL}
    return disruption_budget(names.revision_name(name, revision), owner, labels, covered, evictable(model))


def stable_service(owner: Manifest, model: str, revision: str) -> dict[str, Any]:
    """The model under its own name, for clients that need no router: the active revision's engines."""
    spec = {"type": "ClusterIP", "selector": revision_labels(model, revision), "ports": [_http_port(80)]}
    return child("Service", names.model_service(model), owner, model_labels(model), {"spec": spec})


def _http_port(port: int) -> dict[str, Any]:
    return {"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}


def weights_claim(owner: Manifest, model: ModelDeployment) -> dict[str, Any] | None:
    """The claim for downloaded weights, if the model asks for one. A retained one has no owner, so that it stays."""
    storage = model.spec.model.storage
    if not storage or not storage.claim:
        return None
    claim = storage.claim
    spec: dict[str, Any] = {
        "accessModes": [claim.access_mode],
        "resources": {"requests": {"storage": claim.size}},
    }
    if claim.storage_class_name:
        spec["storageClassName"] = claim.storage_class_name
    name = names.weights_claim(model.metadata.name)
    owned = claim.retention.when_deleted == "Delete"
    return child("PersistentVolumeClaim", name, owner, model_labels(model.metadata.name), {"spec": spec}, owned=owned)
