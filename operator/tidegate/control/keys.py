"""Whose pass does an event ask for?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from tidegate import names
from tidegate.control.store import Store
from tidegate.control.terms import (
    OWNER_LABELS,
    beside,
    models_in,
    models_of,
    naming,
    scaled_by,
    sending_anywhere,
    sends_anywhere,
    sharing_in,
    using,
)
from tidegate.plan.cache.users import cached_in
from tidegate.plan.containers import is_beside, policy_beside
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import integer, maps, part, text
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.router.traffic import scaled_to_zero

UNREAD: Final = ("since", "replicas", "answered", "incompleteSince", "identity")
"""Fields of a model's revision that no policy reads."""


def owner_key(kind: str, namespace: str, name: str) -> ObjectKey:
    """The key of a custom resource of ours."""
    return ObjectKey(names.API_VERSION, kind, namespace, name)


def interested(manifest: Manifest, known: Manifest | None, store: Store) -> set[ObjectKey]:
    """The custom resources whose plan may change with this object, which was `known` before."""
    kind = manifest["kind"]
    if kind not in names.PLURALS:
        return _owners(manifest) | _held_by(manifest, known, store) | _scaled(manifest, known, store)
    key = ObjectKey.of(manifest)
    if kind == names.ROUTING_POLICY:
        return {key} | _models_named(manifest, known, store) | _tiers_named(manifest, known)
    if kind == names.MODEL_DEPLOYMENT and _other(known, manifest, _read_by_policies):
        return {key, *(ObjectKey.of(policy) for policy in policies_naming(store, key))}
    if kind == names.CACHE_TIER:
        return {key, *_reading_tier(key, manifest, known, store)}
    return {key}


def _reading_tier(key: ObjectKey, tier: Manifest, known: Manifest | None, store: Store) -> Iterator[ObjectKey]:
    """Policies that use it, and models that share its KV blocks."""
    if _other(known, tier, _read_by_users):
        yield from map(ObjectKey.of, store.find(using(key)))
    if _other(known, tier, _read_by_sharing):
        yield from map(ObjectKey.of, store.find(sharing_in(key)))


def _models_named(policy: Manifest, known: Manifest | None, store: Store) -> set[ObjectKey]:
    """Models that a policy's routers send to, or sent to before, where that changes."""
    if not _other(known, policy, _read_by_models):
        return set()
    namespace = policy["metadata"]["namespace"]
    named = models_of(policy) | (models_of(known) if known else set())
    if sends_anywhere(policy) or (known and sends_anywhere(known)):
        named |= {model["metadata"]["name"] for model in store.find(models_in(namespace))}
    named |= {model["metadata"]["name"] for model in store.find(beside(ObjectKey.of(policy)))}
    return {owner_key(names.MODEL_DEPLOYMENT, namespace, name) for name in named}


def _tiers_named(policy: Manifest, known: Manifest | None) -> set[ObjectKey]:
    """CacheTiers that a policy's routes use, or used before, where that or what it says of them changes."""
    if not _other(known, policy, _read_by_tiers):
        return set()
    named = cached_in(policy) | (cached_in(known) if known else set())
    return {owner_key(names.CACHE_TIER, policy["metadata"]["namespace"], name) for name in named}


def _other(known: Manifest | None, manifest: Manifest, read: Callable[[Manifest], Any]) -> bool:
    return known is None or bool(manifest["metadata"].get("deletionTimestamp")) or read(known) != read(manifest)


def _read_by_models(policy: Manifest) -> Any:
    """What a model's plan reads of a policy: who gets requests, what the routers run, and how they look where they are in its Pods."""
    spec = policy.get("spec", {})
    shapes = (spec.get("router"), spec.get("observability")) if is_beside(policy) else ()
    return spec.get("backends"), spec.get("routes"), shapes, (policy.get("status") or {}).get("configuration")


def _read_by_policies(model: Manifest) -> Any:
    """What a policy's plan reads of a model: its objectives' bounds, whose clients stay together, whether requests wait for it, its
    revisions, whether they answer, and whether they should; whose router is in its Pods; not how many engines do."""
    spec, revisions = model.get("spec") or {}, maps(model.get("status"), "revisions")
    waits = part(spec, "autoscaling").get("scaleToZero"), integer(model.get("status"), "desiredReplicas", 1) > 0
    served = [
        {**revision, "readyReplicas": integer(revision, "readyReplicas") > 0, **dict.fromkeys(UNREAD)}
        for revision in revisions
    ]
    hung = [(text(one, "address"), one.get("out")) for one in maps(model.get("status"), "hungEngines")]
    return spec.get("objectives"), spec.get("rollout"), waits, served, scaled_to_zero(model), hung, policy_beside(model)


def _held_by(pod: Manifest, known: Manifest | None, store: Store) -> set[ObjectKey]:
    """Models that may have no engine, of which this router may hold requests."""
    labels, namespace = pod["metadata"].get("labels", {}), pod["metadata"]["namespace"]
    if labels.get(names.ROLE_LABEL) != names.ROLE_ROUTER or not _other(known, pod, _read_of_a_router):
        return set()
    policy = store.get(owner_key(names.ROUTING_POLICY, namespace, labels.get(names.POLICY_LABEL, "")))
    keys = (owner_key(names.MODEL_DEPLOYMENT, namespace, name) for name in (models_of(policy) if policy else ()))
    return {key for key in keys if part((store.get(key) or {}).get("spec"), "autoscaling").get("scaleToZero")}


def _scaled(manifest: Manifest, known: Manifest | None, store: Store) -> set[ObjectKey]:
    """Whose Deployment a HorizontalPodAutoscaler targets, or did."""
    if manifest["kind"] != "HorizontalPodAutoscaler":
        return set()
    targets = [store.get(scaled_by(each)) for each in (manifest, known) if each]
    return {owner for target in targets if target for owner in _owners(target)}


def _read_of_a_router(pod: Manifest) -> Any:
    """What a model's plan reads of it: where it is asked."""
    return text(pod.get("status"), "podIP"), ready(pod)


def _read_by_tiers(policy: Manifest) -> Any:
    """What a tier's plan reads of a policy."""
    return cached_in(policy), (policy.get("status") or {}).get("caches")


def _read_by_users(tier: Manifest) -> Any:
    """What a policy's plan reads of a tier that it names."""
    status = tier.get("status")
    return tier.get("spec"), text(status, "evictionPolicy"), len(maps(status, "policies"))


def _read_by_sharing(tier: Manifest) -> Any:
    """What a model's plan reads of the tier whose KV blocks it shares."""
    return "kv" in (tier.get("spec") or {})


def policies_naming(store: Store, model: ObjectKey) -> tuple[Manifest, ...]:
    """RoutingPolicies that name a model."""
    return store.find(naming(model))


def policies_beyond(store: Store, model: ObjectKey) -> tuple[Manifest, ...]:
    """Others that may send to it nevertheless."""
    found = store.find(sending_anywhere(model.namespace))
    return tuple(policy for policy in found if model.name not in models_of(policy))


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
