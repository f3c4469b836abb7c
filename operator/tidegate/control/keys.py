"""Whose pass does an event ask for?"""

from __future__ import annotations

from tidegate import names
from tidegate.control.store import Store
from tidegate.control.terms import OWNER_LABELS, models_of, naming
from tidegate.plan.plan import Manifest, ObjectKey


def owner_key(kind: str, namespace: str, name: str) -> ObjectKey:
    """The key of a custom resource of ours."""
    return ObjectKey(names.API_VERSION, kind, namespace, name)


def interested(manifest: Manifest, store: Store) -> set[ObjectKey]:
    """The custom resources whose plan may change with this object."""
    kind = manifest["kind"]
    if kind not in names.PLURALS:
        return _owners(manifest)
    key = ObjectKey.of(manifest)
    if kind == names.ROUTING_POLICY:
        return {key, *(owner_key(names.MODEL_DEPLOYMENT, key.namespace, name) for name in models_of(manifest))}
    if kind == names.MODEL_DEPLOYMENT:
        return {key, *(ObjectKey.of(policy) for policy in policies_naming(store, key))}
    return {key}


def policies_naming(store: Store, model: ObjectKey) -> tuple[Manifest, ...]:
    """RoutingPolicies that name a model."""
    return store.find(naming(model))


def _owners(manifest: Manifest) -> set[ObjectKey]:
    """By controller reference, and by our labels where the controller is somebody in between (a ReplicaSet)."""
    meta = manifest["metadata"]
    namespace = meta["namespace"]
    found = {
        owner_key(ref["kind"], namespace, ref["name"])
        for ref in meta.get("ownerReferences", [])
        if ref["apiVersion"] == names.API_VERSION
    }
    labels = meta.get("labels", {})
    return found | {
        owner_key(kind, namespace, labels[label]) for label, kind in OWNER_LABELS.items() if label in labels
    }
