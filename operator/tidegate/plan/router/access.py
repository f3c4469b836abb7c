"""What a policy's routers may read, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate import names
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.plan import Manifest


def access(owner: Manifest, secrets: Sequence[str]) -> list[dict[str, Any]]:
    """What a brain may read: its own ConfigMap, the EndpointSlices of its namespace, and the Secrets that the policy names."""
    policy = owner["metadata"]["name"]
    name, labels = names.router(policy), router_labels(policy)
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        *([_secrets(secrets)] if secrets else []),
    ]
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": owner["metadata"]["namespace"]}
    return [
        child("Role", name, owner, labels, {"rules": rules}),
        child("RoleBinding", name, owner, labels, {"roleRef": role_ref, "subjects": [subject]}),
    ]


def _secrets(named: Sequence[str]) -> dict[str, Any]:
    """A list and a watch of one object by its name is one by resourceNames."""
    return {"apiGroups": [""], "resources": ["secrets"], "resourceNames": list(named), "verbs": ["list", "watch"]}
