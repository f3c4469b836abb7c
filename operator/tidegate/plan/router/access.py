"""What a policy's routers may read, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tidegate import names
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.plan import Manifest

SLICES: Final = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}


def access(owner: Manifest, secrets: Sequence[str], beside: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """What a brain may read: its own ConfigMap, the EndpointSlices of its namespace, and the Secrets that the policy names. One beside an
    engine needs no EndpointSlices, and is one of the accounts `beside`, which are those of the engines' Pods."""
    policy = owner["metadata"]["name"]
    name, labels = names.router(policy), router_labels(policy)
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["list", "watch"]},
        *([SLICES] if beside is None else []),
        *([_secrets(secrets)] if secrets else []),
    ]
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    accounts = [name] if beside is None else beside
    subjects = [
        {"kind": "ServiceAccount", "name": each, "namespace": owner["metadata"]["namespace"]} for each in accounts
    ]
    return [
        child("Role", name, owner, labels, {"rules": rules}),
        child("RoleBinding", name, owner, labels, {"roleRef": role_ref, "subjects": subjects}),
    ]


def _secrets(named: Sequence[str]) -> dict[str, Any]:
    """A list and a watch of one object by its name is one by resourceNames."""
    return {"apiGroups": [""], "resources": ["secrets"], "resourceNames": list(named), "verbs": ["list", "watch"]}
