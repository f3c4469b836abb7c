"""No field is accepted and ignored: whatever the examples write, writing something else changes what is made."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.api.test_crd import root
from tests.api.test_examples import MANIFESTS
from tests.support.builders import DEFAULTS, NOW, model, policy
from tidegate.api import KINDS
from tidegate.api.advice import schema_at
from tidegate.api.validate import check
from tidegate.cli.render import followed
from tidegate.errors import Stall
from tidegate.names import CACHE_TIER, MODEL_DEPLOYMENT, REVISION_LABEL, ROUTING_POLICY
from tidegate.plan.cache.plan import plan_cache
from tidegate.plan.containers import is_beside, policy_beside
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Manifest
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import CacheWorld, Capabilities, ModelWorld, RouterWorld

Path = tuple[str | int, ...]
OTHERS = {
    "hf://": "hf://acme/other",
    "pvc://": "pvc://other/x",
    "s3://": "s3://other/x",
    "gs://": "gs://other/x",
    "oci://": "oci://other/x",
}


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every plain value below, with its path; an empty map or list is a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not pairs or not value:
        yield path, value
    for key, inner in pairs:
        yield from leaves(inner, (*path, key))


def other(value: Any, schema: dict[str, Any]) -> Any:
    """A valid value that is not this one; None where there is no other."""
    if "enum" in schema:
        return next((choice for choice in schema["enum"] if choice != value), None)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if value < schema.get("maximum", 10**9) else value - 1
    if isinstance(value, str) and value:
        scheme = next((scheme for scheme in OTHERS if value.startswith(scheme)), "")
        return OTHERS.get(scheme) or (f"{int(value[0]) % 8 + 1}{value[1:]}" if value[0].isdigit() else f"{value}x")
    return None


def changed(manifest: Manifest, path: Path, value: Any) -> Manifest:
    out = copy.deepcopy(manifest)
    place: Any = out
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return out


def made(manifest: Manifest) -> str:
    """Everything that a plan makes and says of an object that is new, as text, without the hash of its own spec."""
    owner = {**manifest, "metadata": {**manifest["metadata"], **CREATED}}
    if owner["kind"] == MODEL_DEPLOYMENT:
        try:
            plan = plan_model(ModelWorld(owner, DEFAULTS, EVERYTHING, scrape=15.0, beside=beside(owner)), NOW)
        except Stall as stall:
            return str(stall)
        records = [m["metadata"]["labels"][REVISION_LABEL] for m in plan.apply if m["kind"] == "ControllerRevision"]
        return json.dumps([plan.apply, plan.status, repr(plan.scale)]).replace(
            records[0] if records else "none", "REVISION"
        )
    if owner["kind"] == CACHE_TIER:
        plan = followed(lambda children: plan_cache(CacheWorld(owner, DEFAULTS, children, new_password="p"), NOW))
        return json.dumps([plan.apply, plan.status, routed(USER, {owner["metadata"]["name"]: owner})])
    return routed(owner, {})


def routed(owner: Manifest, tiers: dict[str, Manifest]) -> str:
    """The same of a policy."""
    world = RouterWorld(owner, DEFAULTS, models=MODELS, tiers=tiers)
    plan = followed(lambda children: plan_router(replace(world, children=children), NOW))
    return json.dumps([plan.apply, plan.status]) + _in_engines(owner)


def beside(owner: Manifest) -> Manifest | None:
    """The policy that a model names for a router in its Pods."""
    found = (m for _, m in MANIFESTS if m["kind"] == ROUTING_POLICY and m["metadata"]["name"] == policy_beside(owner))
    policy = next((m for m in found if is_beside(m)), None)
    return {**policy, "metadata": {**policy["metadata"], **CREATED}} if policy else None


def _in_engines(policy: Manifest) -> str:
    """What a policy makes of the Pods in which its routers are."""
    if policy["kind"] != ROUTING_POLICY or not is_beside(policy):
        return ""
    name = policy["spec"]["backends"][0]["modelDeploymentRef"]["name"]
    owner = model(name, engine={"sidecarRouter": {"routingPolicyRef": {"name": policy["metadata"]["name"]}}})
    return json.dumps(plan_model(ModelWorld(owner, DEFAULTS, beside=policy), NOW).apply)


def served(name: str) -> Manifest:
    """A model that is up."""
    owner = model(name)
    return {**owner, "status": plan_model(ModelWorld(owner, DEFAULTS), NOW).status}


CREATED = {"namespace": "shop", "uid": "u", "resourceVersion": "1", "generation": 1}
EVERYTHING = Capabilities(pod_monitor=True, leader_worker_set=True)
REFERRED = [
    b["modelDeploymentRef"]["name"]
    for _, m in MANIFESTS
    for b in m["spec"].get("backends", [])
    if "modelDeploymentRef" in b
]
JUDGES = ("judge", "judgex")
"""Public models that nobody caches."""
USER = policy(
    models=("a", *JUDGES),
    auth={"apiKeys": {"secretRefs": [{"name": "keys"}]}},
    routes=[
        {
            "name": name,
            "models": [name],
            "to": {"backends": [{"name": "to-a"}]},
            "cache": {"cacheTierRef": {"name": name}},
        }
        for name in ("shared", "company-redis", "memory-alone")
    ]
    + [{"name": judge, "models": [judge], "to": {"backends": [{"name": f"to-{judge}"}]}} for judge in JUDGES],
)
"""A policy that gives the answers of the examples' tiers again."""
MODELS = {name: served(name) for ref in REFERRED for name in (ref, f"{ref}x")}
ASKED = ("spec", "store", "existing")
"""Whose store it is, the operator asks the store itself (cluster/stores.py); a plan is told the answer."""
WALKED = (("spec", "rollout"), ("spec", "objectives"))
"""Count when a second revision comes: model/test_trial.py and test_gated.py walk through its steps, holds, approvals, pauses and looks."""
SAID = frozenset({"alsoOn", "holdRequests"})
"""What goes on to the next backend besides: there is one such thing so far, and router/test_chains.py says what it does. How long requests are
held is for the policies that name a model: router/test_traffic.py."""
OF_CACHES = (("embedding", "model"), ("ttlRules", 0, "name"), ("price", "input"), ("price", "output"))
"""There is one model so far. A rule's name tells rules apart for whoever applies the manifest. A price counts where there is a cache:
router/test_caches.py."""
CASES = [
    (m, path, value)
    for _, m in MANIFESTS
    if m["kind"] in KINDS
    for path, value in leaves(m["spec"], ("spec",))
    if path[:3] != ASKED
    and path[:2] not in WALKED
    and SAID.isdisjoint(path[-2:])
    and not any(path[-len(end) :] == end for end in OF_CACHES)
]


@pytest.mark.parametrize(
    ("manifest", "path", "value"), CASES, ids=[f"{m['metadata']['name']}-{'.'.join(map(str, p))}" for m, p, _ in CASES]
)
def test_a_field_counts(manifest: Manifest, path: Path, value: Any) -> None:
    """An empty map or list says only that something is there, so it has no other value."""
    instead = other(value, schema_at(root(manifest["kind"]), path))
    if instead is None:
        assert value in ({}, []), f"{path} has no other value than {value!r}, so it does nothing"
        return
    changed_manifest = changed(manifest, path, instead)
    if not check(changed_manifest):  # otherwise a rule reads it: a backend's name, for example, stands in two places
        assert made(changed_manifest) != made(manifest)
