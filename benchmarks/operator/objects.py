"""What is created: custom resources, and the children that the planner wants for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tidegate.cli.render import followed
from tidegate.cluster.covers import stamped
from tidegate.names import API_VERSION, MODEL_DEPLOYMENT, ROUTING_POLICY
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Manifest, Plan
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import ModelWorld, RouterWorld
from tidegate.settings import from_environment

Object = dict[str, Any]
MODELS_PER_POLICY = 10
UNKNOWN_UID = "00000000-0000-0000-0000-000000000000"
DEFAULTS = from_environment({}).defaults


@dataclass(frozen=True)
class Family:
    """A custom resource and its children."""

    owner: Object
    children: tuple[Object, ...]


def model(name: str, namespace: str, replicas: int = 1) -> Object:
    """A ModelDeployment of one GPU."""
    spec = {"model": {"uri": "hf://acme/tiny"}, "engine": {"gpus": {"count": 1}}, "replicas": replicas}
    return _owner(MODEL_DEPLOYMENT, name, namespace, spec)


def policy(name: str, namespace: str, weights: Mapping[str, int]) -> Object:
    """A RoutingPolicy of one router over models with these weights."""
    backends = [{"name": model, "modelDeploymentRef": {"name": model}} for model in weights]
    to = {"backends": [{"name": model, "weight": weight} for model, weight in weights.items()]}
    spec = {
        "router": {"replicas": 1},
        "auth": {"anonymous": {}},
        "backends": backends,
        "routes": [{"name": "chat", "models": ["chat"], "to": to}],
    }
    return _owner(ROUTING_POLICY, name, namespace, spec)


def _owner(kind: str, name: str, namespace: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def families(size: int, namespace: str) -> list[Family]:
    """`size` models and a tenth as many policies, each over ten of the models."""
    now = datetime.now(UTC)
    models = [model(f"m{i:04d}", namespace) for i in range(size)]
    plans = [plan_model(ModelWorld(_seen(owner), DEFAULTS), now) for owner in models]
    known = {o["metadata"]["name"]: {**o, "status": p.status} for o, p in zip(models, plans, strict=True)}
    made = [_family(owner, plan) for owner, plan in zip(models, plans, strict=True)]
    names = list(known)
    for i in range(0, size, MODELS_PER_POLICY):
        front = policy(f"p{i // MODELS_PER_POLICY:03d}", namespace, dict.fromkeys(names[i : i + MODELS_PER_POLICY], 1))
        made.append(_family(front, followed(partial(_routed, _seen(front), known, now))))
    return made


def _routed(front: Object, models: Mapping[str, Object], now: datetime, children: tuple[Manifest, ...]) -> Plan:
    return plan_router(RouterWorld(front, DEFAULTS, children, models=models), now)


def _seen(owner: Object) -> Object:
    """As the API server would return it."""
    return {**owner, "metadata": {**owner["metadata"], "uid": UNKNOWN_UID, "resourceVersion": "1", "generation": 1}}


def _family(owner: Object, plan: Plan) -> Family:
    return Family(owner, tuple(stamped(manifest) for manifest in plan.apply))


def adopted(child: Manifest, uid: str) -> Object:
    """A child with its owner's real uid."""
    references = [{**ref, "uid": uid} for ref in child["metadata"]["ownerReferences"]]
    return {**child, "metadata": {**child["metadata"], "ownerReferences": references}}


def identity(manifest: Manifest) -> tuple[str, str]:
    """Kind and name."""
    return manifest["kind"], manifest["metadata"]["name"]


def children(made: Iterable[Family]) -> list[Object]:
    """All children of all families."""
    return [child for family in made for child in family.children]
