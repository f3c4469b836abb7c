"""Whose pass does an event ask for?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tidegate import names
from tidegate.control.store import Store
from tidegate.control.terms import OWNER_LABELS, counting_in, models_of, naming
from tidegate.plan.kube.reading import integer, maps
from tidegate.plan.plan import Manifest, ObjectKey

UNREAD: Final = ("since", "replicas", "answered", "incompleteSince", "identity")
"""Fields of a model's revision that no policy reads."""


def owner_key(kind: str, namespace: str, name: str) -> ObjectKey:
    """The key of a custom resource of ours."""
    return ObjectKey(names.API_VERSION, kind, namespace, name)


def interested(manifest: Manifest, known: Manifest | None, store: Store) -> set[ObjectKey]:
    """The custom resources whose plan may change with this object, which was `known` before."""
    kind = manifest["kind"]
    if kind not in names.PLURALS:
        return _owners(manifest)
    key = ObjectKey.of(manifest)
    if kind == names.ROUTING_POLICY and _other(known, manifest, _read_by_models):
        named = models_of(manifest) | (models_of(known) if known else set())
        return {key, *(owner_key(names.MODEL_DEPLOYMENT, key.namespace, name) for name in named)}
    if kind == names.MODEL_DEPLOYMENT and _other(known, manifest, _read_by_policies):
        return {key, *(ObjectKey.of(policy) for policy in policies_naming(store, key))}
    if kind == names.CACHE_TIER and _other(known, manifest, _read_by_counting):
        return {key, *(ObjectKey.of(policy) for policy in store.find(counting_in(key)))}
    return {key}


def _other(known: Manifest | None, manifest: Manifest, read: Callable[[Manifest], Any]) -> bool:
    return known is None or bool(manifest["metadata"].get("deletionTimestamp")) or read(known) != read(manifest)


def _read_by_models(policy: Manifest) -> Any:
    """What a model's plan reads of a policy: who gets requests, and what the routers run."""
    spec = policy.get("spec", {})
    return spec.get("backends"), spec.get("routes"), (policy.get("status") or {}).get("configuration")


def _read_by_policies(model: Manifest) -> Any:
    """What a policy's plan reads of a model: its objectives' bounds, whose clients stay together, its revisions, and whether they
    answer; not how many engines do."""
    spec, revisions = model.get("spec") or {}, maps(model.get("status"), "revisions")
    served = [
        {**revision, "readyReplicas": integer(revision, "readyReplicas") > 0, **dict.fromkeys(UNREAD)}
        for revision in revisions
    ]
    return spec.get("objectives"), spec.get("rollout"), served


def _read_by_counting(tier: Manifest) -> Any:
    """What a policy's plan reads of the tier in whose store its routers count."""
    return (tier.get("spec") or {}).get("store"), (tier.get("status") or {}).get("evictionPolicy")


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
