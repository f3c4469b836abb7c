"""Whose pass does an event ask for?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import cached, live, managed_tier, model, pod, policy
from tidegate import names
from tidegate.control.keys import interested, policies_beyond, policies_naming
from tidegate.control.store import Store
from tidegate.control.terms import models_of, orphans_of, scaling
from tidegate.plan.kube.objects import child, model_labels, router_labels, store_labels
from tidegate.plan.plan import Manifest, ObjectKey

MODEL, POLICY, TIER = model("llama"), policy("chat", ("llama", "mistral")), managed_tier("shared")
SHARED = {"cacheTierRef": {"name": "shared"}, "weightsVersion": "1"}
SHARING = model("sharing", engine={"kvOffload": {"hostMemory": "16Gi", "shared": SHARED}})
CACHED = cached(policy("cached", ("llama",)))
COUNTING = policy("counting", storeRef={"name": "shared"})
BOTH = {("ModelDeployment", "llama"), ("RoutingPolicy", "chat")}


def asked(manifest: Manifest, *around: Manifest, known: Manifest | None = None) -> set[tuple[str, str]]:
    """Who is interested, among these objects; `known` is what the object was before."""
    store = Store()
    for one in around:
        store.put(one)
    return {(key.kind, key.name) for key in interested(manifest, known, store)}


@pytest.mark.parametrize(
    ("manifest", "around", "expected"),
    [
        (MODEL, [], {("ModelDeployment", "llama")}),
        (MODEL, [POLICY, policy("other", ("x",))], BOTH),
        (POLICY, [MODEL], {("RoutingPolicy", "chat"), ("ModelDeployment", "llama"), ("ModelDeployment", "mistral")}),
        (TIER, [MODEL, POLICY], {("CacheTier", "shared")}),
        (TIER, [COUNTING, POLICY], {("CacheTier", "shared"), ("RoutingPolicy", "counting")}),
        (TIER, [SHARING, MODEL], {("CacheTier", "shared"), ("ModelDeployment", "sharing")}),
        (TIER, [CACHED, POLICY], {("CacheTier", "shared"), ("RoutingPolicy", "cached")}),
        (CACHED, [], {("RoutingPolicy", "cached"), ("ModelDeployment", "llama"), ("CacheTier", "shared")}),
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
def test_interested(manifest: Manifest, around: list[Manifest], expected: set[tuple[str, str]]) -> None:
    assert asked(manifest, *around) == expected


@pytest.mark.parametrize(
    ("now", "woken"),
    [
        ({"evictionPolicy": "allkeys-lru"}, True),
        ({"version": "Valkey 9.1.0", "address": "redis:6379"}, False),
        ({"conditions": [{"type": "Ready"}]}, False),
    ],
)
def test_what_a_store_throws_out_is_news_for_who_counts_there(now: dict[str, Any], woken: bool) -> None:
    assert (("RoutingPolicy", "counting") in asked(TIER | {"status": now}, COUNTING, known=TIER)) == woken


@pytest.mark.parametrize(
    ("spec", "woken"),
    [({"store": {"managed": {}}}, True), ({"store": {"managed": {}}, "kv": {"size": "2Gi"}}, False)],
)
def test_whether_a_tier_has_blocks_is_news_for_who_shares_them(spec: dict[str, Any], woken: bool) -> None:
    before = TIER | {"spec": {"store": {"managed": {}}, "kv": {"size": "1Gi"}}}
    assert (("ModelDeployment", "sharing") in asked(TIER | {"spec": spec}, SHARING, known=before)) == woken


def serving(**revision: Any) -> dict[str, Any]:
    """A model with one revision."""
    return MODEL | {"status": {"revisions": [{"name": "a1", "role": "Active", "readyReplicas": 1} | revision]}}


@pytest.mark.parametrize(
    ("now", "woken"),
    [
        (serving(), False),
        (serving(readyReplicas=2), False),  # routers see engines by themselves
        (serving(readyReplicas=0), True),  # a route with nobody behind it is another thing
        (serving(since="2026-03-01T12:00:00Z", replicas=3, answered=True, incompleteSince="x", identity="y"), False),
        (serving(role="Retiring"), True),
        (serving(traffic=50), True),
        (serving(servedNames=["llama"]), True),
        (serving(adapters=["tone"]), True),
        (MODEL, True),
        (MODEL | {"status": {"revisions": "?"}}, True),
        (serving() | {"spec": {"replicas": 9}}, False),
        (serving() | {"status": {**serving()["status"], "desiredReplicas": 2}}, False),
        (
            serving() | {"status": {**serving()["status"], "desiredReplicas": 0}},
            True,
        ),  # nobody answers, and that is meant
        (serving() | {"spec": {"objectives": [{"name": "ttft", "timeToFirstToken": {"max": "1s"}}]}}, True),
        (serving() | {"spec": {"autoscaling": {"maxReplicas": 9}}}, False),
        (serving() | {"spec": {"autoscaling": {"scaleToZero": {"holdRequests": "60s"}}}}, True),
        (MODEL | {"status": serving()["status"] | {"desiredReplicas": 3}}, False),
        (MODEL | {"status": serving()["status"] | {"desiredReplicas": 0}}, True),
        (serving() | {"spec": {"rollout": {"canary": {"stickyBy": {"client": {}}}}}}, True),
    ],
)
def test_what_policies_read_of_a_model(now: Manifest, woken: bool) -> None:
    assert asked(now, POLICY, known=serving()) == (BOTH if woken else {("ModelDeployment", "llama")})


def test_a_model_that_goes_is_read_by_policies_once_more() -> None:
    going = {**serving(), "metadata": {**MODEL["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z"}}
    assert asked(going, POLICY, known=serving()) == BOTH


SLEEPY = model("mistral", autoscaling={"minReplicas": 0, "scaleToZero": {"after": "10m"}})


@pytest.mark.parametrize(
    ("before", "now", "woken"),
    [
        (None, {"podIP": "10.0.0.1"}, True),
        ({"podIP": "10.0.0.1"}, {"podIP": "10.0.0.1", "hostIP": "10.1.0.1"}, False),
        ({"podIP": "10.0.0.1"}, {"podIP": "10.0.0.2"}, True),
        ({"podIP": "10.0.0.1"}, {"podIP": "10.0.0.1", "conditions": []}, True),
    ],
)
def test_models_that_may_have_no_engine_read_where_routers_are(before: Any, now: Any, woken: bool) -> None:
    labels = router_labels("chat") | {names.ROLE_LABEL: names.ROLE_ROUTER}
    known = pod("p", labels, **before) if before else None
    found = asked(pod("p", labels, **now), POLICY, MODEL, SLEEPY, known=known)
    assert found == {("RoutingPolicy", "chat")} | ({("ModelDeployment", "mistral")} if woken else set())


def with_status(**status: Any) -> dict[str, Any]:
    """The policy with a status."""
    return POLICY | {"status": status}


@pytest.mark.parametrize(
    ("now", "woken"),
    [
        (with_status(configuration={"live": 1}), set()),
        (with_status(configuration={"live": 1}, readyReplicas=2, conditions=[{"type": "Ready"}]), set()),
        (with_status(configuration={"live": 2}), {"llama", "mistral"}),
        (with_status(), {"llama", "mistral"}),
        (policy("chat", ("llama",)) | {"status": {"configuration": {"live": 1}}}, {"llama", "mistral"}),
    ],
)
def test_what_models_read_of_a_policy(now: Manifest, woken: set[str]) -> None:
    """Also models that it named before are told."""
    found = asked(now, known=with_status(configuration={"live": 1}))
    assert found == {("RoutingPolicy", "chat")} | {("ModelDeployment", name) for name in woken}


def hpa(kind: str, name: str, **labels: str) -> dict[str, Any]:
    """Somebody's own."""
    api = "apps/v1" if kind == "Deployment" else names.API_VERSION
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "mine", "namespace": "shop", "uid": "u", "resourceVersion": "3", "labels": labels},
        "spec": {"scaleTargetRef": {"apiVersion": api, "kind": kind, "name": name}},
    }


ROUTERS = live(child("Deployment", "chat-router", POLICY, router_labels("chat"), {}))
STRANGER = live({**ROUTERS, "metadata": {"name": "web", "namespace": "shop"}})


@pytest.mark.parametrize(
    ("now", "known", "woken"),
    [
        (hpa("Deployment", "chat-router"), None, {("RoutingPolicy", "chat")}),
        (hpa("Deployment", "web"), hpa("Deployment", "chat-router"), {("RoutingPolicy", "chat")}),
        (hpa("Deployment", "web"), None, set()),
        (hpa("Deployment", "gone"), None, set()),
        (hpa("RoutingPolicy", "chat"), None, set()),
    ],
)
def test_somebodys_autoscaler_of_routers(now: Manifest, known: Manifest | None, woken: set[tuple[str, str]]) -> None:
    assert asked(now, ROUTERS, STRANGER, known=known) == woken


def test_what_is_not_ours_is_nobodys_orphan() -> None:
    """Whatever labels somebody writes on an autoscaler: what a plan finds as a child it may delete."""
    store = Store()
    store.put(hpa("Deployment", "chat-router", **router_labels("chat")))
    assert store.find(orphans_of(ObjectKey.of(POLICY))) == ()
    assert len(store.find(scaling(ObjectKey.of(ROUTERS)))) == 1


BESIDE = model("phi", engine={"sidecarRouter": {"routingPolicyRef": {"name": "chat"}}})


def test_a_model_reads_the_policy_whose_router_is_in_its_pods() -> None:
    """Also one that does not name it, so that it is told when that is mended."""
    assert ("ModelDeployment", "phi") in asked(POLICY, BESIDE)
    placed = {**POLICY, "spec": POLICY["spec"] | {"router": {"placement": "Sidecar"}}}
    larger = {
        **POLICY,
        "spec": POLICY["spec"] | {"router": {"placement": "Sidecar", "resources": {"requests": {"cpu": "1"}}}},
    }
    assert ("ModelDeployment", "phi") in asked(larger, BESIDE, known=placed)
    apart = {**POLICY, "spec": POLICY["spec"] | {"router": {"resources": {"requests": {"cpu": "1"}}}}}
    assert asked(apart, BESIDE, known=POLICY) == {("RoutingPolicy", "chat")}


def test_routers_that_may_send_to_more_than_a_status_names() -> None:
    """Every model of the namespace waits for them, and is told when they have left."""
    store, anywhere = Store(), with_status(configuration={"live": 1, "behind": 1, "more": True})
    far = model("far")
    far["metadata"]["namespace"] = "elsewhere"
    for one in (anywhere, model("stranger"), far):
        store.put(one)
    stranger, llama = (
        ObjectKey(names.API_VERSION, names.MODEL_DEPLOYMENT, "shop", name) for name in ("stranger", "llama")
    )
    assert policies_beyond(store, stranger) == (anywhere,)
    assert policies_beyond(store, llama) == (), "it is named"
    left = with_status(configuration={"live": 2})
    for now, known in ((anywhere, left), (left, anywhere)):
        assert {key.name for key in interested(now, known, store)} == {"chat", "llama", "mistral", "stranger"}


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


@pytest.mark.parametrize(
    ("configuration", "found"),
    [
        ({"backends": [{"name": "to-gone", "model": "gone"}]}, {"gone"}),
        ({"older": [{"name": "to-gone", "model": "gone"}, {"name": "x", "model": "llama"}]}, {"gone"}),
        ({"older": [{"name": "to-gone"}, "?", {"name": "x", "model": 7}]}, set()),
        ({"older": "?", "backends": None}, set()),
        ("?", set()),
    ],
)
def test_models_of_what_routers_still_send_to(configuration: Any, found: set[str]) -> None:
    """The spec no longer names them."""
    assert models_of(POLICY | {"status": {"configuration": configuration}}) == {"llama", "mistral"} | found


def test_policies_naming_in_a_stable_order() -> None:
    store = Store()
    for name in ("b", "a"):
        store.put(policy(name, ("llama",)))
    found = policies_naming(store, ObjectKey(names.API_VERSION, names.MODEL_DEPLOYMENT, "shop", "llama"))
    assert [p["metadata"]["name"] for p in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("before", "now", "woken"),
    [
        (CACHED, CACHED, set()),
        (CACHED, CACHED | {"status": {"ready": "2/2"}}, set()),
        (CACHED, CACHED | {"status": {"caches": [{"name": "shared", "entries": 7}]}}, {"shared"}),
        (CACHED, policy("cached", ("llama",)), {"shared"}),
        (CACHED, cached(policy("cached", ("llama",)), "other"), {"shared", "other"}),
    ],
)
def test_what_tiers_read_of_a_policy(before: Manifest, now: Manifest, woken: set[str]) -> None:
    assert {name for kind, name in asked(now, known=before) if kind == names.CACHE_TIER} == woken


def test_another_spec_of_a_tier_is_news_for_who_gives_its_answers() -> None:
    other = TIER | {"spec": TIER["spec"] | {"version": "2"}}
    assert ("RoutingPolicy", "cached") in asked(other, CACHED, known=TIER)
    shared = TIER | {"status": {"policies": [{"name": "cached"}, {"name": "other"}]}}
    assert ("RoutingPolicy", "cached") in asked(shared, CACHED, known=TIER)
    assert ("RoutingPolicy", "cached") not in asked(TIER | {"status": {"version": "x"}}, CACHED, known=TIER)
