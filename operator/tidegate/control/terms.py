"""By what an object is found: its kind, its controller, whose Pod it is, and which models and tiers a policy names."""

from __future__ import annotations

from typing import Final

from tidegate import names
from tidegate.plan.cache.users import cached_in
from tidegate.plan.containers import policy_beside
from tidegate.plan.kube.reading import maps, part, text, truth
from tidegate.plan.plan import Manifest, ObjectKey

Term = tuple[str, ...]

OWNER_LABELS: Final = {
    names.MODEL_LABEL: names.MODEL_DEPLOYMENT,
    names.POLICY_LABEL: names.ROUTING_POLICY,
    names.CACHE_LABEL: names.CACHE_TIER,
}


def of_kind(kind: str) -> Term:
    """Every object of a kind."""
    return "kind", kind


def controlled_by(uid: str) -> Term:
    """Objects whose controller has this uid."""
    return "controller", uid


def pods_of(owner: ObjectKey) -> Term:
    """Pods with the label of this custom resource."""
    return "pods", owner.namespace, owner.kind, owner.name


def naming(model: ObjectKey) -> Term:
    """RoutingPolicies that name this model."""
    return "naming", model.namespace, model.name


def sending_anywhere(namespace: str) -> Term:
    """RoutingPolicies whose status has no room for all models that their routers may still send to."""
    return "sending anywhere", namespace


def beside(policy: ObjectKey) -> Term:
    """ModelDeployments that name this policy for a router in their Pods."""
    return "beside", policy.namespace, policy.name


def models_in(namespace: str) -> Term:
    """ModelDeployments of a namespace."""
    return "models", namespace


def using(tier: ObjectKey) -> Term:
    """RoutingPolicies that name this tier: to count in its store, or to give its answers again."""
    return "using", tier.namespace, tier.name


def sharing_in(tier: ObjectKey) -> Term:
    """ModelDeployments that share the KV blocks of this tier."""
    return "sharing", tier.namespace, tier.name


def scaling(workload: ObjectKey) -> Term:
    """HorizontalPodAutoscalers that target this workload."""
    return "scaling", workload.namespace, workload.kind, workload.name


def orphans_of(owner: ObjectKey) -> Term:
    """Objects without a controller that an object of this name left behind."""
    return "orphans", owner.namespace, owner.kind, owner.name


def terms(manifest: Manifest) -> list[Term]:
    """Everything by which this object is found."""
    kind, meta = manifest["kind"], manifest["metadata"]
    controllers = [ref["uid"] for ref in meta.get("ownerReferences", []) if ref.get("controller")]
    found = [of_kind(kind), *(controlled_by(uid) for uid in controllers)]
    labelled = [
        ObjectKey(names.API_VERSION, owner, meta["namespace"], meta["labels"][label])
        for label, owner in OWNER_LABELS.items()
        if label in meta.get("labels", {})
    ]
    if kind == "Pod":
        found += [pods_of(owner) for owner in labelled]
    elif not controllers and meta.get("labels", {}).get(names.MANAGED_BY_LABEL) == names.MANAGED_BY:
        found += [orphans_of(owner) for owner in labelled]
    if kind == names.ROUTING_POLICY:
        found += [("naming", meta["namespace"], model) for model in models_of(manifest)]
        found += [sending_anywhere(meta["namespace"])] if sends_anywhere(manifest) else []
        found += [("using", meta["namespace"], tier) for tier in tiers_of(manifest)]
    if kind == "HorizontalPodAutoscaler":
        found.append(scaling(scaled_by(manifest)))
    if kind == names.MODEL_DEPLOYMENT:
        found.append(models_in(meta["namespace"]))
        found += [("sharing", meta["namespace"], tier) for tier in [kv_tier_of(manifest)] if tier]
        found += [("beside", meta["namespace"], policy) for policy in [policy_beside(manifest)] if policy]
    return found


def scaled_by(autoscaler: Manifest) -> ObjectKey:
    """What a HorizontalPodAutoscaler targets."""
    target = part(autoscaler.get("spec"), "scaleTargetRef")
    namespace = autoscaler["metadata"]["namespace"]
    return ObjectKey(text(target, "apiVersion"), text(target, "kind"), namespace, text(target, "name"))


def sends_anywhere(policy: Manifest) -> bool:
    """Whether routers may still send to models that the policy's status has no room for."""
    return truth((policy.get("status") or {}).get("configuration"), "more") or False


def tiers_of(policy: Manifest) -> set[str]:
    """Names of the CacheTiers that a policy names."""
    return {text((policy.get("spec") or {}).get("storeRef"), "name"), *cached_in(policy)} - {""}


def kv_tier_of(model: Manifest) -> str:
    """Name of the CacheTier whose KV blocks a model shares; empty for none."""
    offload = part(part(model.get("spec"), "engine"), "kvOffload")
    return text(part(part(offload, "shared"), "cacheTierRef"), "name")


def models_of(policy: Manifest) -> set[str]:
    """Names of the ModelDeployments that a policy names, or whose engines its routers may still send to."""
    configuration = (policy.get("status") or {}).get("configuration")
    named = {text(b.get("modelDeploymentRef"), "name") for b in maps(policy.get("spec"), "backends")}
    sent_to = {text(b, "model") for field in ("backends", "older") for b in maps(configuration, field)}
    return (named | sent_to) - {""}
