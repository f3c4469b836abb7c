"""What a policy's routers may read, and nothing else."""

from __future__ import annotations

from typing import Any

from tidegate import names
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.plan import Manifest


def access(owner: Manifest) -> list[dict[str, Any]]:
    """What a brain may read: its own ConfigMap, and the EndpointSlices of its namespace."""
    policy = owner["metadata"]["name"]
    name, labels = names.router(policy), router_labels(policy)
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": owner["metadata"]["namespace"]}
    return [
        child("Role", name, owner, labels, {"rules": rules}),
        child("RoleBinding", name, owner, labels, {"roleRef": role_ref, "subjects": [subject]}),
    ]
