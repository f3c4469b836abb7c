"""`spec.kv`: a claim for KV blocks that engines of several models write, and one Pod that keeps it within its size.

claim            the sweeper's Pod   KVReady
--------------   -----------------   -----------------------------------------
any              answers             True
any              starts              False, with the Pod's own words

Without the Pod the claim fills up: engines go on, and find what is there, but keep nothing new.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tidegate import names
from tidegate.api.kvtier import KVTier
from tidegate.plan import conditions
from tidegate.plan.kube.claim import fitted
from tidegate.plan.kube.objects import child, pod_security
from tidegate.plan.kube.pods import complaints, ready, trouble
from tidegate.plan.kube.reading import text
from tidegate.plan.kube.sweeper import sweeper, with_spare
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.world import CacheWorld, Defaults

VOLUME = "kv"
FOLDER = "/kv"


def labels(tier: str) -> dict[str, str]:
    """Of what a tier has for KV blocks."""
    return {names.CACHE_LABEL: tier, names.ROLE_LABEL: names.ROLE_SWEEPER}


def objects(world: CacheWorld, kv: KVTier) -> list[dict[str, Any]]:
    """The claim and the Deployment."""
    return [_claim(world, kv), _deployment(world.owner, kv, world.defaults)]


def _claim(world: CacheWorld, kv: KVTier) -> dict[str, Any]:
    tier = world.owner["metadata"]["name"]
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": with_spare(kv.size)}},
    }
    if kv.storage_class_name:
        spec["storageClassName"] = kv.storage_class_name
    wanted = child("PersistentVolumeClaim", names.kv_tier(tier), world.owner, labels(tier), {"spec": spec})
    live = next((c for c in _there(world) if c["kind"] == "PersistentVolumeClaim"), None)
    return fitted(wanted, live)


def _deployment(owner: Manifest, kv: KVTier, defaults: Defaults) -> dict[str, Any]:
    tier = owner["metadata"]["name"]
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(assign_user=defaults.assign_user),
        "containers": [sweeper(defaults, VOLUME, FOLDER, kv.size)],
        "volumes": [{"name": VOLUME, "persistentVolumeClaim": {"claimName": names.kv_tier(tier)}}],
    }
    spec = {
        "replicas": 1,
        "revisionHistoryLimit": 2,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels(tier)},
        "template": {"metadata": {"labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY, **labels(tier)}}, "spec": pod},
    }
    return child("Deployment", names.kv_tier(tier), owner, labels(tier), {"spec": spec})


def unwanted(world: CacheWorld) -> tuple[ObjectKey, ...]:
    """What is left of a `kv` that was taken out; a claim goes when the last engine has left it."""
    return tuple(ObjectKey.of(found) for found in _there(world))


def _there(world: CacheWorld) -> list[Manifest]:
    name = names.kv_tier(world.owner["metadata"]["name"])
    kinds = ("Deployment", "PersistentVolumeClaim")
    return [c for c in world.children if c["kind"] in kinds and c["metadata"]["name"] == name]


def condition(world: CacheWorld) -> dict[str, str]:
    """The table."""
    pods = sweepers(world)
    if any(ready(pod) for pod in pods):
        return conditions.condition(conditions.KV_READY, True, conditions.AS_SPECIFIED, "")
    reason, message = trouble(pods, complaints(pods, world.samples)) or (conditions.KV_STARTING, "the sweeper starts")
    return conditions.condition(conditions.KV_READY, False, reason, message)


def sweepers(world: CacheWorld) -> tuple[Manifest, ...]:
    """The tier's Pods that are not its store's."""
    return tuple(pod for pod in world.pods if _role(pod) == names.ROLE_SWEEPER)


def without_sweepers(world: CacheWorld) -> CacheWorld:
    """As whoever looks after the store sees it."""
    return replace(world, pods=tuple(pod for pod in world.pods if _role(pod) != names.ROLE_SWEEPER))


def _role(pod: Manifest) -> str:
    return text(pod["metadata"].get("labels"), names.ROLE_LABEL)
