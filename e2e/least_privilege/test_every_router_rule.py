"""Promise: a router has no right that it does not need. Each one is taken away in turn, and its brain misses it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e import operators
from e2e.devcluster import Cluster
from e2e.harness import Object, Place, model, policy
from tidegate.brain.native import built

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="routers run on Lua, which let nobody in: make native, where cargo is"),
]
ROLE = "role/front-router"
KEYS: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "keys"},
    "stringData": {"acme": "sk-acme"},
}
GRANTS = [(resource, verb) for resource in ("configmaps", "endpointslices", "secrets") for verb in ("list", "watch")]


@pytest.fixture(scope="module")
def alone(installed: Cluster) -> Iterator[Place]:
    """A router whose operator is gone, so that nobody puts its Role right."""
    place = Place.make(installed)
    place.apply(KEYS, model(), policy(auth={"apiKeys": {"secretRefs": [{"name": "keys"}]}}))
    place.ready("mdep/small", "rpol/front")
    operators.scale(installed, 0)
    yield place
    operators.scale(installed, 2)
    installed.kubectl("delete", "namespace", place.name, "--wait=false")


def test_the_table_is_whole(alone: Place) -> None:
    given = [(resource, verb) for rule in _rules(alone) for resource in rule["resources"] for verb in rule["verbs"]]
    assert given == GRANTS


def _rules(place: Place) -> list[Object]:
    found: list[Object] = place.get(ROLE)["rules"]
    return found


@pytest.mark.parametrize(
    ("resource", "verb"), [GRANTS[0], *(pytest.param(*one, marks=pytest.mark.long) for one in GRANTS[1:])]
)
def test_without_it_something_fails(alone: Place, resource: str, verb: str) -> None:
    before = _rules(alone)
    rules = [_without(rule, verb) if resource in rule["resources"] else rule for rule in before]
    _give(alone, rules)
    try:
        old = _routers(alone)
        alone.kubectl("delete", "pod", *old, "--wait=false", "--ignore-not-found")  # some end by themselves
        said = f'cannot {verb} resource "{resource}"'.replace('"', '\\"')
        alone.wait(lambda: any(said in _log(alone, name) for name in set(_routers(alone)) - set(old)), said)
    finally:
        _give(alone, before)
        alone.kubectl("rollout", "status", "deploy/front-router", "--timeout=110s")


def _without(rule: Object, verb: str) -> Object:
    return {**rule, "verbs": [other for other in rule["verbs"] if other != verb]}


def _give(place: Place, rules: list[Object]) -> None:
    place.kubectl("patch", ROLE, "--type=merge", "-p", json.dumps({"rules": rules}))


def _routers(place: Place) -> list[str]:
    return [pod["metadata"]["name"] for pod in place.items("pods", "tidegate.dev/role=router")]


def _log(place: Place, pod: str) -> str:
    """Of its brain; empty before it has begun."""
    return place.kubectl("logs", pod, "-c", "brain", check=False)
