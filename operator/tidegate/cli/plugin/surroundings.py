"""What stands around a model, read once: the same objects that the operator's watches tell it of."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.cluster.capacity import Inventory
from tidegate.cluster.client import Api, NotFound, path
from tidegate.control.terms import models_of
from tidegate.plan.containers import policy_beside
from tidegate.plan.kube.objects import API_VERSIONS
from tidegate.plan.model.surge import question
from tidegate.plan.samples import Sample, Samples
from tidegate.plan.world import Capabilities, ModelWorld
from tidegate.settings import Settings

CHILDREN: Final = ("ControllerRevision", "Deployment", "LeaderWorkerSet", "Service", "PersistentVolumeClaim")


async def around(api: Api, owner: Mapping[str, Any], known: bool) -> ModelWorld:
    """The world of a model; `known`: whether the cluster has it already. Raises as Api does."""
    namespace, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
    mine = f"{names.MODEL_LABEL}={name}"
    known_policies = await _all(api, namespace, names.API_VERSION, names.ROUTING_POLICY)
    policies = [p for p in known_policies if name in models_of(p)]
    children = [await _all(api, namespace, API_VERSIONS[kind], kind, mine) for kind in CHILDREN] if known else []
    routers = [
        await _all(api, namespace, "v1", "Pod", f"{names.POLICY_LABEL}={policy['metadata']['name']}")
        for policy in policies
    ]
    return ModelWorld(
        owner=owner,
        defaults=Settings().defaults,
        capabilities=Capabilities(leader_worker_set=True),
        children=tuple(child for kind in children for child in kind),
        pods=tuple(await _all(api, namespace, "v1", "Pod", mine)),
        policies=tuple(policies),
        routers=tuple(pod for pods in routers for pod in pods),
        beside=next((p for p in known_policies if p["metadata"]["name"] == policy_beside(owner)), None),
        samples=await _free(api, ModelDeployment.model_validate({**owner, "status": None})),
    )


async def _all(api: Api, namespace: str, api_version: str, kind: str, labels: str = "") -> list[dict[str, Any]]:
    """Nothing where the kind is not there."""
    try:
        found = await api.request(
            "GET", path(api_version, kind, namespace), {"labelSelector": labels} if labels else {}
        )
    except NotFound:
        return []
    return [{**item, "apiVersion": api_version, "kind": kind} for item in found.get("items") or ()]


async def _free(api: Api, model: ModelDeployment) -> Samples:
    """What nodes have left; a person who may not look at them is told so."""
    asked = question(model)
    return {asked: Sample(await Inventory(api, time.monotonic).of(asked.about.name), 0.0)} if asked else {}
