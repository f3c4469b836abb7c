"""What every child has in common: its metadata, its owner, and what a locked-down container looks like."""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.plan.plan import Manifest

NOBODY: Final = 65532
"""User and group of every container that we make."""

RESTRICTED_CONTAINER: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
ONE_USER: Final = {"runAsUser": NOBODY, "runAsGroup": NOBODY, "fsGroup": NOBODY}

OURS: Final = {
    "securityContext": RESTRICTED_CONTAINER,
    # the last lines of a log are the reason why a container ended; kubelet puts them into the Pod's status
    "terminationMessagePolicy": "FallbackToLogsOnError",
}
"""What every container that we make has in common."""

API_VERSIONS: Final = {
    "Service": "v1",
    "ServiceAccount": "v1",
    "ConfigMap": "v1",
    "Secret": "v1",
    "PersistentVolumeClaim": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "ControllerRevision": "apps/v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "ScaledObject": "keda.sh/v1alpha1",
}
"""Every kind that we make, with the version that we write."""

DROPPED: Final = (
    "Service",
    "PersistentVolumeClaim",
    "Deployment",
    "ControllerRevision",
    "PodDisruptionBudget",
    "LeaderWorkerSet",
    "HorizontalPodAutoscaler",
    "ScaledObject",
)
"""Kinds of which a plan ever deletes one; the operator's ClusterRole lets it delete no others."""


def child(
    kind: str, name: str, owner: Manifest, labels: dict[str, str], body: dict[str, Any], *, owned: bool = True
) -> dict[str, Any]:
    """A child of `owner`: same namespace, our labels, and a controller reference unless it is to outlive its owner."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY, "app.kubernetes.io/part-of": "tidegate"} | labels,
    }
    if owned:
        metadata["ownerReferences"] = [reference(owner)]
    return {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata, **body}


def reference(owner: Manifest) -> dict[str, Any]:
    """The controller reference to `owner`. Nothing waits for its children when it is deleted."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def controlled_by(manifest: Manifest, uid: str) -> bool:
    """Whether the object's controller is the one with this uid."""
    references = manifest["metadata"].get("ownerReferences", [])
    return any(ref.get("controller") and ref["uid"] == uid for ref in references)


def model_labels(model: str) -> dict[str, str]:
    """Labels of everything that belongs to a model."""
    return {names.MODEL_LABEL: model, names.ROLE_LABEL: names.ROLE_ENGINE}


def revision_labels(model: str, revision: str) -> dict[str, str]:
    """Labels of everything that belongs to one revision of a model."""
    return model_labels(model) | {names.REVISION_LABEL: revision}


def router_labels(policy: str) -> dict[str, str]:
    """Labels of everything that belongs to a policy's router."""
    return {names.POLICY_LABEL: policy, names.ROLE_LABEL: names.ROLE_ROUTER}


def beside_labels(policy: str) -> dict[str, str]:
    """Labels of engines' Pods in which a policy's router is."""
    return {names.POLICY_LABEL: policy, names.ROLE_LABEL: names.ROLE_ENGINE}


def store_labels(tier: str) -> dict[str, str]:
    """Labels of everything that belongs to a managed store."""
    return {names.CACHE_LABEL: tier, names.ROLE_LABEL: names.ROLE_STORE}


def pod_security(*, assign_user: bool) -> dict[str, Any]:
    """The `restricted` Pod Security Standard; without user and groups where the platform assigns them.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    return {
        "runAsNonRoot": True,
        **(ONE_USER if assign_user else {}),
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def disruption_budget(
    name: str, owner: Manifest, labels: dict[str, str], covered: dict[str, str] | None = None, most: int | str = 1
) -> dict[str, Any]:
    """Voluntary disruptions take `most` Pods at a time of those with the labels `covered` (default: `labels`), and Pods that
    do not answer anyway may always go."""
    spec = {
        "maxUnavailable": most,
        "selector": {"matchLabels": covered or labels},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return child("PodDisruptionBudget", name, owner, labels, {"spec": spec})


def from_us(operator_namespace: str) -> list[dict[str, Any]]:
    """NetworkPolicyPeers: routers of the object's own namespace, and the operator."""
    there = {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}}
    operator = {"namespaceSelector": there, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "tidegate"}}}
    return [{"podSelector": {"matchLabels": {names.ROLE_LABEL: names.ROLE_ROUTER}}}, operator]


def pod_monitor(
    name: str,
    owner: Manifest,
    labels: dict[str, str],
    port: str,
    told: list[str],
    every: float | None = None,
    selected: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Tells Prometheus to scrape the Pods with the labels `selected` (default: `labels`), of which `told` stand at each series, every so many seconds or as often as
    everything else.

    https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor
    """
    endpoint = {"port": port, "path": "/metrics"} | ({"interval": f"{every:g}s"} if every else {})
    spec = {"selector": {"matchLabels": selected or labels}, "podTargetLabels": told, "podMetricsEndpoints": [endpoint]}
    return child("PodMonitor", name, owner, labels, {"spec": spec})


def service_account(name: str, owner: Manifest, labels: dict[str, str]) -> dict[str, Any]:
    """A ServiceAccount whose token no Pod gets unless it asks."""
    return child("ServiceAccount", name, owner, labels, {"automountServiceAccountToken": False})


def empty_dir(name: str, size: str | None = None, *, memory: bool = False) -> dict[str, Any]:
    """An emptyDir volume, on disk or in memory."""
    body: dict[str, Any] = {"medium": "Memory"} if memory else {}
    return {"name": name, "emptyDir": body | ({"sizeLimit": size} if size else {})}
