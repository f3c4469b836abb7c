"""`tidegate render FILE...`: the pure planner as a command, for GitOps previews and golden tests.

The manifests are planned as if they were new and alone in an empty cluster. Policies see the models of the same files,
as they will be once their engines are up. uids and passwords, which only a cluster gives, are shown as placeholders.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml

from tidegate.api.validate import check, ours
from tidegate.cli.manifests import Document, Unreadable, read
from tidegate.contract.router_config import load
from tidegate.envoy.snapshot import snapshot
from tidegate.envoy.start import Start
from tidegate.errors import TidegateError
from tidegate.names import CACHE_TIER, MODEL_DEPLOYMENT, ROUTER_CONFIG_KEY, ROUTING_POLICY, RUN_DIR
from tidegate.plan.cache.plan import plan_cache
from tidegate.plan.containers import policy_beside
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Manifest, Plan
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import CacheWorld, Capabilities, Defaults, ModelWorld, RouterWorld

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Any moment does: what is rendered does not depend on it."""
PLACEHOLDER_UID = "00000000-0000-0000-0000-000000000000"
PLACEHOLDER_PASSWORD = "generated-in-the-cluster"  # noqa: S105 - says itself that it is none


class _Plain(yaml.SafeDumper):
    """Without anchors: every object stands for itself."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def render(
    files: Sequence[str], namespace: str, capabilities: Sequence[str], defaults: Defaults, *, envoy: bool
) -> int:
    """Prints YAML, with the images that `defaults` name; returns 1 when a manifest is invalid or cannot be planned, 2 when a file is unreadable."""
    try:
        documents = read(files)
        plans = _plans(documents, namespace, _capabilities(capabilities), defaults)
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    except TidegateError as error:
        print(error, file=sys.stderr)
        return 1
    manifests = [manifest for plan in plans for manifest in plan.apply]
    shown = _envoy(manifests) if envoy else manifests
    print(yaml.dump_all(shown, Dumper=_Plain, sort_keys=False, width=140), end="")
    return 0


def _capabilities(kinds: Sequence[str]) -> Capabilities:
    return Capabilities(pod_monitor="PodMonitor" in kinds, leader_worker_set="LeaderWorkerSet" in kinds)


def _plans(documents: list[Document], namespace: str, capabilities: Capabilities, defaults: Defaults) -> list[Plan]:
    owners = [_as_created(document, namespace) for document in documents if ours(document.manifest)]
    plans: list[Plan] = []
    models: dict[tuple[str, str], Mapping[str, Any]] = {}
    for owner in (o for o in owners if o["kind"] == MODEL_DEPLOYMENT):
        plan = plan_model(ModelWorld(owner, defaults, capabilities, beside=_beside(owner, owners)), EPOCH)
        models[owner["metadata"]["namespace"], owner["metadata"]["name"]] = {**owner, "status": plan.status}
        plans.append(plan)
    for owner in (o for o in owners if o["kind"] == ROUTING_POLICY):
        near = {name: model for (place, name), model in models.items() if place == owner["metadata"]["namespace"]}
        world = RouterWorld(owner, defaults, models=near, tiers=_tiers(owner, owners), capabilities=capabilities)
        plans.append(followed(_router(world)))
    plans += [_cache(owner, defaults) for owner in owners if owner["kind"] == CACHE_TIER]
    return plans


def _beside(model: Manifest, owners: Iterable[Manifest]) -> Manifest | None:
    """The policy that it names for a router in its Pods."""
    place, name = model["metadata"]["namespace"], policy_beside(model)
    policies = (o for o in owners if o["kind"] == ROUTING_POLICY and o["metadata"]["namespace"] == place)
    return next((policy for policy in policies if policy["metadata"]["name"] == name), None)


def _tiers(policy: Manifest, owners: Iterable[Manifest]) -> dict[str, Manifest]:
    """Of the same namespace."""
    place = policy["metadata"]["namespace"]
    tiers = (o for o in owners if o["kind"] == CACHE_TIER and o["metadata"]["namespace"] == place)
    return {tier["metadata"]["name"]: tier for tier in tiers}


def _router(world: RouterWorld) -> Callable[[tuple[Manifest, ...]], Plan]:
    return lambda children: plan_router(replace(world, children=children), EPOCH)


def _cache(owner: Manifest, defaults: Defaults) -> Plan:
    def plan(children: tuple[Manifest, ...]) -> Plan:
        return plan_cache(CacheWorld(owner, defaults, children, new_password=PLACEHOLDER_PASSWORD), EPOCH)

    return followed(plan)


def followed(plan: Callable[[tuple[Manifest, ...]], Plan]) -> Plan:
    """The second pass after the first one was carried out: a few objects wait for the uid of another."""
    made = plan(()).apply
    return plan(tuple({**m, "metadata": {**m["metadata"], "uid": PLACEHOLDER_UID}} for m in made))


def _as_created(document: Document, namespace: str) -> Manifest:
    """The manifest with what the API server adds; raises on the first that is invalid."""
    if problems := check(document.manifest):
        raise TidegateError(document.says(*problems[0]))
    manifest: Manifest = document.manifest
    added = {"uid": PLACEHOLDER_UID, "resourceVersion": "1", "generation": 1}
    return {**manifest, "metadata": {"namespace": namespace, **manifest["metadata"], **added}}


def _envoy(manifests: Sequence[Any]) -> list[Manifest]:
    """Each policy's Envoy configuration, with no engines yet."""
    texts = [m["data"][ROUTER_CONFIG_KEY] for m in manifests if m["kind"] == "ConfigMap"]
    return [snapshot(load(text), {}, Start(RUN_DIR)).static() for text in texts]
