"""Whose pass does an event ask for?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import managed_tier, model, pod, policy
from tidegate import names
from tidegate.control.keys import interested, policies_naming
from tidegate.control.store import Store
from tidegate.control.terms import models_of
from tidegate.plan.kube.objects import child, model_labels, router_labels, store_labels
from tidegate.plan.plan import Manifest, ObjectKey

MODEL, POLICY, TIER = model("llama"), policy("chat", ("llama", "mistral")), managed_tier("shared")


def asked(manifest: Manifest, *known: Manifest) -> set[tuple[str, str]]:
    store = Store()
    for one in known:
        store.put(one)
    return {(key.kind, key.name) for key in interested(manifest, store)}


@pytest.mark.parametrize(
    ("manifest", "known", "expected"),
    [
        (MODEL, [], {("ModelDeployment", "llama")}),
        (MODEL, [POLICY, policy("other", ("x",))], {("ModelDeployment", "llama"), ("RoutingPolicy", "chat")}),
        (POLICY, [MODEL], {("RoutingPolicy", "chat"), ("ModelDeployment", "llama"), ("ModelDeployment", "mistral")}),
        (TIER, [MODEL, POLICY], {("CacheTier", "shared")}),
        (child("Service", "s", MODEL, {}, {}), [], {("ModelDeployment", "llama")}),
        (child("Service", "s", POLICY, router_labels("chat"), {}), [], {("RoutingPolicy", "chat")}),
        (pod("p", model_labels("llama")), [], {("ModelDeployment", "llama")}),
        (pod("p", router_labels("chat")), [], {("RoutingPolicy", "chat")}),
        (pod("p", store_labels("shared")), [], {("CacheTier", "shared")}),
        (pod("p", {"app": "else"}), [], set()),
        (
            child("PersistentVolumeClaim", "w", MODEL, model_labels("llama"), {}, owned=False),
            [],
            {("ModelDeployment", "llama")},
        ),
    ],
)
def test_interested(manifest: Manifest, known: list[Manifest], expected: set[tuple[str, str]]) -> None:
    assert asked(manifest, *known) == expected


def test_somebody_elses_controller_does_not_count() -> None:
    foreign: dict[str, Any] = pod("p", {})
    foreign["metadata"]["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "llama"}]
    assert asked(foreign) == set()


def test_policies_of_another_namespace_do_not_count() -> None:
    far = policy("chat", ("llama",))
    far["metadata"]["namespace"] = "elsewhere"
    assert asked(MODEL, far) == {("ModelDeployment", "llama")}


def test_models_of() -> None:
    assert models_of(POLICY) == {"llama", "mistral"}
    assert models_of({"metadata": {}}) == set()


def test_policies_naming_in_a_stable_order() -> None:
    store = Store()
    for name in ("b", "a"):
        store.put(policy(name, ("llama",)))
    found = policies_naming(store, ObjectKey(names.API_VERSION, names.MODEL_DEPLOYMENT, "shop", "llama"))
    assert [p["metadata"]["name"] for p in found] == ["a", "b"]
