"""What holds for every custom resource and every order of events."""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import DEFAULTS, NOW, model, policy
from tests.support.simulation import Simulation, revision_of
from tests.support.strategies import ENGINES, SOURCES, models, policies
from tidegate import names
from tidegate.api import KINDS, ModelDeployment
from tidegate.api.base import DNS_LABEL
from tidegate.api.validate import check
from tidegate.cluster.covers import covers, stamped, without_content
from tidegate.contract.router_config import load
from tidegate.plan.model.engine import pod_template
from tidegate.plan.plan import Manifest, ObjectKey, Plan
from tidegate.plan.samples import StoreCheck
from tidegate.plan.world import Capabilities

ALL = Capabilities(pod_monitor=True, leader_worker_set=True)
STATUS = st.sampled_from(
    [
        {
            "revisions": [
                {"name": "aaaa", "role": "Active", "readyReplicas": 1, "servedNames": ["x"], "adapters": ["one"]}
            ]
        },
        {
            "revisions": [
                {"name": "bbbb", "role": "Active", "readyReplicas": 1, "servedNames": ["y", "z"], "adapters": []}
            ]
        },
        {},
    ]
)
TIERS = st.sampled_from(
    [
        {"managed": {}},
        {"managed": {"memory": "64Mi", "storage": {"size": "1Gi", "storageClassName": "fast"}}},
        {"existing": {"urlSecretRef": {"name": "redis", "key": "url"}}},
    ]
)


def around(manifest: dict[str, Any], statuses: list[dict[str, Any]] | None = None) -> Simulation:
    """A cluster with every optional kind; models a, b and c have these statuses."""
    near = dict(zip("abc", statuses or [], strict=False))
    known = {name: {**model(name), "status": status} for name, status in near.items()}
    return Simulation(manifest, capabilities=ALL, models=known, check=StoreCheck(error="silent"))


def tier(store: dict[str, Any]) -> dict[str, Any]:
    return {**model("shared"), "kind": names.CACHE_TIER, "spec": {"store": store}}


ANY = st.one_of(
    st.builds(around, models()),
    st.builds(around, policies(), st.lists(STATUS, max_size=3)),
    st.builds(lambda store: around(tier(store)), TIERS),
)


@given(ANY)
def test_the_strategies_make_valid_manifests(simulation: Simulation) -> None:
    assert check(simulation.owner) == []


@given(ANY)
def test_planning_comes_to_rest(simulation: Simulation) -> None:
    """What was made is what is wanted, and the status says the same thing again."""
    simulation.settle()
    plan = simulation.plan()
    assert plan.status == simulation.owner["status"]
    assert plan.delete == ()
    assert plan.reasons == () or simulation.owner["kind"] == names.ROUTING_POLICY
    for manifest in plan.apply:
        assert simulation.has(manifest)
        assert covers(simulation.children[ObjectKey.of(manifest)], without_content(manifest))
        assert stamped(manifest) == stamped(copy.deepcopy(manifest))


@given(ANY)
def test_the_status_is_what_the_crd_says(simulation: Simulation) -> None:
    for _ in range(2):
        status = simulation.run().status
        parsed = KINDS[simulation.owner["kind"]].model_validate({**simulation.owner, "status": status})
        assert parsed.status is not None


@given(ANY)
def test_objects_are_different_and_have_valid_names(simulation: Simulation) -> None:
    for _ in range(2):
        plan = simulation.run()
        keys = Counter((m["kind"], m["metadata"]["name"]) for m in plan.apply)
        assert max(keys.values(), default=1) == 1
        for manifest in plan.apply:
            name = manifest["metadata"]["name"]
            assert len(name) <= 63
            assert re.fullmatch(DNS_LABEL, name)
            assert manifest["metadata"]["labels"][names.MANAGED_BY_LABEL] == names.MANAGED_BY
            assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())
            assert owned(manifest, simulation) or retained(manifest)


def owned(manifest: Manifest, simulation: Simulation) -> bool:
    uid = simulation.owner["metadata"]["uid"]
    references = [(r["uid"], r["controller"]) for r in manifest["metadata"].get("ownerReferences", [])]
    return references == [(uid, True)]


def retained(manifest: Manifest) -> bool:
    return str(manifest["kind"]) == "PersistentVolumeClaim"


@given(ANY)
def test_selectors_select_the_pods_of_their_templates(simulation: Simulation) -> None:
    simulation.run()
    plan = simulation.run()
    templates = [labels for manifest in plan.apply for labels in template_labels(manifest)]
    for manifest in plan.apply:
        if selector := selected(manifest):
            assert any(selector.items() <= labels.items() for labels in templates), manifest


def template_labels(manifest: Manifest) -> list[dict[str, str]]:
    if manifest["kind"] == "LeaderWorkerSet":
        return [manifest["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["metadata"]["labels"]]
    if manifest["kind"] in ("Deployment", "StatefulSet"):
        return [manifest["spec"]["template"]["metadata"]["labels"]]
    return []


def selected(manifest: Manifest) -> dict[str, str]:
    selector = manifest.get("spec", {}).get("selector", {})
    found: dict[str, str] = selector.get("matchLabels", selector)
    return found


@given(ANY)
def test_the_planner_changes_nothing_that_it_is_given(simulation: Simulation) -> None:
    simulation.run()
    before = copy.deepcopy((simulation.owner, simulation.children, simulation.models))
    plan = simulation.plan()
    assert (simulation.owner, simulation.children, simulation.models) == before
    scribble(plan)
    assert simulation.models == before[2]


def scribble(plan: Plan) -> None:
    """What a careless user of a plan might do; the models that went into it must not notice."""
    for manifest in plan.apply:
        manifest["metadata"]["labels"].clear()
        manifest["metadata"]["name"] = "gone"


@given(policies(), st.lists(STATUS, max_size=3))
def test_weights_name_destinations_that_exist(manifest: dict[str, Any], statuses: list[dict[str, Any]]) -> None:
    simulation = around(manifest, statuses)
    plan = simulation.plan()
    text = next(m for m in plan.apply if m["kind"] == "ConfigMap")["data"][names.ROUTER_CONFIG_KEY]
    config = load(text)
    known = [d.name for d in config.destinations]
    assert len(known) == len(set(known))
    assert {t.destination for r in config.routes for t in r.targets} == set(known)
    assert {m for r in config.routes for m in r.models} == set(plan.status["models"])
    revisions = {
        names.revision_name(name, r["name"])
        for name, near in simulation.models.items()
        for r in near["status"].get("revisions", [])
    }
    assert {d.engine.service for d in config.destinations if d.engine} <= revisions
    for route, written in zip(config.routes, manifest["spec"]["routes"], strict=True):
        assert len(route.targets) <= len(written["to"]["backends"])


@given(models(), st.integers(0, 9), st.sampled_from(["15s", "1h"]), st.booleans())
def test_a_revision_is_model_and_engine_and_nothing_else(
    manifest: dict[str, Any], replicas: int, drain: str, suspend: bool
) -> None:
    changed = copy.deepcopy(manifest)
    changed["spec"] |= {"replicas": replicas, "drain": {"timeout": drain}, "suspend": suspend}
    changed["metadata"] |= {"name": "other", "uid": "other", "labels": {"a": "b"}, "generation": 7}
    changed["status"] = {"activeRevision": "x"}
    changed["spec"] = dict(reversed(changed["spec"].items()))
    assert revision_of(changed) == revision_of(manifest)


@given(st.tuples(SOURCES, ENGINES), st.tuples(SOURCES, ENGINES))
def test_the_same_revision_has_the_same_pods(one: tuple[Any, Any], two: tuple[Any, Any]) -> None:
    first, second = (model(source=source, engine=engine) for source, engine in (one, two))
    if revision_of(first) == revision_of(second):
        ours, theirs = (pod_template(parsed(manifest), "r", DEFAULTS) for manifest in (first, second))
        assert covers(ours, theirs)
        assert covers(theirs, ours)


def parsed(manifest: dict[str, Any]) -> ModelDeployment:
    return ModelDeployment.model_validate(manifest)


@given(ANY, st.sampled_from(["engine_image", "envoy_image", "brain_image", "store_image"]))
def test_a_new_operator_rolls_no_engine_and_no_router(simulation: Simulation, image: str) -> None:
    if simulation.owner["kind"] == names.CACHE_TIER:
        return  # a store has no record: it follows the operator
    simulation.settle()
    simulation.upgrade(version="2.0.0", **{image: "registry/newer"})
    plan = simulation.plan()
    assert all(simulation.has(manifest) for manifest in plan.apply)
    assert plan.delete == ()


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("ready"), st.sampled_from(["Active", "Candidate", "Retiring"]), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.integers(1, 90), st.just(0)),
        st.tuples(st.just("edit"), st.sampled_from(["one", "two", "three"]), st.just(0)),
        st.tuples(st.just("pass"), st.just(0), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=100)
@given(EVENTS)
def test_any_order_of_events_ends_in_the_newest_revision(events: list[tuple[str, Any, int]]) -> None:
    """Whatever happened before: once all engines answer and a minute has passed, the newest spec alone is there."""
    simulation = around(model(replicas=2))
    simulation.run()
    for event in events:
        happen(simulation, *event)
        serving = active_engines(simulation)
        plan = simulation.run()
        one_active(plan)
        if serving:
            assert active_engines(simulation), "traffic moved from engines that answer to some that do not"
    for _ in range(4):
        everybody_answers(simulation)
        simulation.wait("61s")
        simulation.run()
    newest = revision_of(simulation.owner)
    assert [(r["name"], r["role"]) for r in simulation.owner["status"]["revisions"]] == [(newest, "Active")]
    assert {key.name for key in simulation.children if key.kind == "Deployment"} == {f"llama-{newest}"}
    assert selector(simulation) == newest


def happen(simulation: Simulation, what: str, value: Any, count: int) -> None:
    roles = {r["role"] for r in simulation.owner["status"]["revisions"]}
    if what == "ready" and value in roles and sum(r["role"] == value for r in revisions(simulation)) == 1:
        simulation.ready(value, count)
    elif what == "wait":
        simulation.wait(f"{value}s")
    elif what == "edit":
        simulation.edit({"model": {"uri": f"hf://acme/{value}"}})


def revisions(simulation: Simulation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulation.owner["status"]["revisions"]
    return found


def everybody_answers(simulation: Simulation) -> None:
    for key, child in simulation.children.items():
        if key.kind == "Deployment":
            simulation.children[key] = {**child, "status": {"replicas": 2, "readyReplicas": 2}}


def active_engines(simulation: Simulation) -> int:
    """Engines that answer of the revision that gets the traffic."""
    name = names.revision_name("llama", simulation.revision("Active"))
    status = simulation.children[ObjectKey("apps/v1", "Deployment", "shop", name)].get("status", {})
    return int(status.get("readyReplicas", 0))


def one_active(plan: Plan) -> None:
    roles = Counter(r["role"] for r in plan.status["revisions"])
    assert roles["Active"] == 1
    assert roles["Candidate"] <= 1
    assert len({r["name"] for r in plan.status["revisions"]}) == len(plan.status["revisions"])


def selector(simulation: Simulation) -> str:
    service = simulation.children[ObjectKey("v1", "Service", "shop", "llama")]
    return str(service["spec"]["selector"][names.REVISION_LABEL])


@given(st.permutations(["a", "b", "c"]))
def test_the_configuration_does_not_depend_on_the_order_of_models(order: list[str]) -> None:
    status = {
        "revisions": [{"name": "aaaa", "role": "Active", "readyReplicas": 1, "servedNames": ["x"], "adapters": []}]
    }
    simulation = Simulation(policy("chat", ("a", "b", "c")), now=NOW)
    simulation.models = {name: {**model(name), "status": status} for name in order}
    configuration = simulation.plan().status["configuration"]
    simulation.models = {name: simulation.models[name] for name in sorted(order)}
    assert simulation.plan().status["configuration"] == configuration
