"""From the store to the world of a pass: what is controlled, what was left behind, and who is named."""

from __future__ import annotations

from typing import Any

from tests.support.builders import DEFAULTS, cached, key_of, live, managed_tier, model, pod, policy
from tidegate import names
from tidegate.control.gather import Gatherer
from tidegate.control.store import Store
from tidegate.plan.kube.objects import child, model_labels, router_labels, store_labels
from tidegate.plan.plan import Manifest, Question
from tidegate.plan.samples import Complaint, Sample
from tidegate.plan.world import Capabilities

MODEL, POLICY, TIER = model("llama"), policy("chat", ("llama", "absent")), managed_tier("shared")
SAMPLES = {Question(key_of(MODEL)): Sample(Complaint("Why", "because"), 1.0)}


def gatherer(*known: Manifest) -> Gatherer:
    """Of a store that knows these objects; samples are asked for by the owner's key."""
    store = Store()
    for manifest in known:
        store.put(manifest)
    said = {key_of(owner): SAMPLES for owner in (MODEL, POLICY, TIER)}
    return Gatherer(store, said.__getitem__, DEFAULTS, lambda: "random", Capabilities(pod_monitor=True))


def ours(owner: dict[str, Any], labels: dict[str, str], name: str, *, owned: bool = True) -> dict[str, Any]:
    """A ConfigMap that the owner controls, or that nobody does."""
    return live(child("ConfigMap", name, owner, labels, {}, owned=owned))


def named(found: tuple[Manifest, ...]) -> list[str]:
    return [manifest["metadata"]["name"] for manifest in found]


def test_a_model() -> None:
    labels = model_labels("llama")
    world = gatherer(
        POLICY,
        policy("other", ("mistral",)),
        pod("engine", labels),
        pod("router", router_labels("chat")),
        ours(MODEL, labels, "mine"),
        ours(model("mistral"), model_labels("mistral"), "not-mine"),
    ).model(MODEL)
    assert (world.owner, world.defaults, world.capabilities.pod_monitor) == (MODEL, DEFAULTS, True)
    assert named(world.children) == ["mine"]
    assert named(world.pods) == ["engine"]
    assert named(world.policies) == ["chat"]
    assert world.samples == SAMPLES


def test_a_model_that_shares_the_blocks_of_a_tier() -> None:
    shared = {"cacheTierRef": {"name": "shared"}, "weightsVersion": "1"}
    sharing = model(engine={"kvOffload": {"hostMemory": "16Gi", "shared": shared}})
    assert gatherer(TIER, managed_tier("other")).model(sharing).tier == TIER
    assert gatherer(managed_tier("other")).model(sharing).tier is None
    assert gatherer(TIER).model(MODEL).tier is None


def test_a_policy_that_counts_in_a_store() -> None:
    counting = {**POLICY, "spec": POLICY["spec"] | {"storeRef": {"name": "shared"}}}
    assert gatherer(TIER, managed_tier("other")).router(counting).tiers == {"shared": TIER}
    assert gatherer(managed_tier("other")).router(counting).tiers == {}
    assert gatherer(TIER).router(POLICY).tiers == {}


def test_a_policy_that_gives_answers_again() -> None:
    both = cached({**POLICY, "spec": POLICY["spec"] | {"storeRef": {"name": "other"}}})
    assert gatherer(TIER, managed_tier("other"), managed_tier("third")).router(both).tiers.keys() == {"shared", "other"}


def test_a_tier_is_told_who_names_it() -> None:
    counting = policy("counting", storeRef={"name": "shared"})
    world = gatherer(POLICY, cached(policy("cached")), counting, cached(policy("else"), "other")).cache(TIER)
    assert named(world.policies) == ["cached", "counting"]


def test_a_policy() -> None:
    labels = router_labels("chat")
    world = gatherer(MODEL, model("mistral"), pod("router", labels), ours(POLICY, labels, "mine")).router(POLICY)
    assert list(world.models) == ["llama"], "those that it names, and that there are"
    assert named(world.children) == ["mine"]
    assert named(world.pods) == ["router"]
    assert world.samples == SAMPLES


def test_a_model_of_another_namespace_is_another_one() -> None:
    far = model("llama")
    far["metadata"]["namespace"] = "elsewhere"
    assert gatherer(far).router(POLICY).models == {}


def test_a_tier() -> None:
    labels = store_labels("shared")
    world = gatherer(pod("store", labels), ours(TIER, labels, "mine")).cache(TIER)
    assert named(world.children) == ["mine"]
    assert named(world.pods) == ["store"]
    assert (world.samples, world.new_password) == (SAMPLES, "random")


def test_orphans() -> None:
    """What `kubectl delete --cascade=orphan` left behind is a child of the next object of that name and kind."""
    labels = model_labels("llama")
    foreign = ours(MODEL, labels, "another-controllers", owned=False)
    foreign["metadata"]["ownerReferences"] = [{"uid": "x", "controller": True, "kind": "Y", "name": "z"}]
    elsewhere = ours(MODEL, labels, "elsewhere", owned=False)
    elsewhere["metadata"]["namespace"] = "elsewhere"
    found = gatherer(
        ours(MODEL, labels, "mine"),
        ours(MODEL, labels, "left", owned=False),
        ours(MODEL, model_labels("other"), "of-another", owned=False),
        ours(POLICY, router_labels("llama"), "of-a-policy", owned=False),
        ours(MODEL, {"app": "llama"}, "unlabelled", owned=False),
        pod("engine", labels),
        foreign,
        elsewhere,
    )
    assert named(found.model(MODEL).children) == ["mine", "left"]
    assert {names.MODEL_LABEL} <= labels.keys()


def test_an_orphan_that_is_adopted_is_there_once() -> None:
    left = ours(MODEL, model_labels("llama"), "left", owned=False)
    found = gatherer(left)
    adopted = ours(MODEL, model_labels("llama"), "left")
    adopted["metadata"]["resourceVersion"] = "6"
    found.store.put(adopted)
    assert named(found.model(MODEL).children) == ["left"]
