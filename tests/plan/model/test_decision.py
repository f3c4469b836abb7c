"""What one pass decides about a model: from what its revisions are made, how far they are, and when they are late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, live, model, policy
from tests.support.simulation import Simulation, revision_of
from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.model.decision import DEADLINE_MARGIN, MissingKind, ModelDecision, decide, workload_kind
from tidegate.plan.model.facts import read
from tidegate.plan.model.rollout import NOTHING, Revision
from tidegate.plan.plan import Manifest, Plan
from tidegate.plan.world import Capabilities, ModelWorld

GROUP = {"gpus": {"count": 8}, "parallelism": {"tensor": 16}}


def decided(simulation: Simulation) -> ModelDecision:
    world = simulation.model_world()
    parsed = ModelDeployment.model_validate({**simulation.owner, "status": None})
    return decide(world, parsed, read(world, simulation.now), simulation.now)


def serving(replicas: int = 2) -> Simulation:
    """A model of which all engines answer."""
    simulation = Simulation(model(replicas=replicas))
    simulation.run()
    simulation.ready("Active", replicas)
    simulation.run()
    return simulation


def test_the_newest_is_rendered_and_the_others_are_kept() -> None:
    simulation = serving()
    before = decided(simulation)
    simulation.edit({"model": {"uri": "hf://acme/other"}})
    simulation.upgrade(engine_image="vllm/vllm-openai:v2")
    after = decided(simulation)
    assert after.newest == revision_of(simulation.owner) != before.newest
    assert after.data[before.newest] == before.data[before.newest]
    assert after.data[after.newest] != before.data[before.newest]
    assert after.update == (), "the newest is rendered today"


def test_an_upgrade_changes_nothing_that_is_kept_and_says_so() -> None:
    simulation = serving()
    before = decided(simulation)
    simulation.upgrade(engine_image="vllm/vllm-openai:v2")
    after = decided(simulation)
    assert after.data == before.data
    assert before.update == ()
    assert [path.rpartition(".")[2] for path in after.update] == ["image"]


def test_a_suspended_model_stays_where_it_is() -> None:
    simulation = serving()
    before = decided(simulation)
    simulation.edit({"suspend": True, "replicas": 9, "model": {"uri": "hf://acme/other"}})
    simulation.wait("1h")
    after = decided(simulation)
    assert after.revisions == before.revisions
    assert after.update == ()


@pytest.mark.parametrize(
    ("engine", "capabilities", "kind"),
    [
        ({}, Capabilities(), "Deployment"),
        ({}, Capabilities(leader_worker_set=True), "Deployment"),
        (GROUP, Capabilities(leader_worker_set=True), "LeaderWorkerSet"),
    ],
)
def test_workload_kind(engine: dict[str, Any], capabilities: Capabilities, kind: str) -> None:
    owner = model(engine=engine)
    assert workload_kind(ModelWorld(owner, DEFAULTS, capabilities), ModelDeployment.model_validate(owner)) == kind


def test_a_kind_that_the_cluster_lacks() -> None:
    owner = model(engine=GROUP)
    with pytest.raises(MissingKind, match=r"needs 2 Pods of 8 GPUs .* install it, or raise gpus.count"):
        workload_kind(ModelWorld(owner, DEFAULTS), ModelDeployment.model_validate(owner))


@pytest.mark.parametrize(("timeout", "budget"), [(None, 1200.0), ("90s", 90.0), ("1h", 3600.0)])
def test_when_engines_are_late(timeout: str | None, budget: float) -> None:
    found = decided(Simulation(model(engine={"startupTimeout": timeout} if timeout else {})))
    assert found.startup_budget == budget + DEADLINE_MARGIN
    since = NOW - timedelta(seconds=found.startup_budget)
    assert found.late(Revision("a", "Active", NOW, incomplete_since=since), NOW)
    assert not found.late(Revision("a", "Active", NOW, incomplete_since=since + timedelta(seconds=1)), NOW)
    assert not found.late(Revision("a", "Active", since), NOW), "all of its engines answer"


def test_how_far_revisions_are() -> None:
    simulation = serving()
    simulation.edit({"model": {"uri": "hf://acme/other"}, "replicas": 5})
    found = decided(simulation)
    active, candidate = found.role("Active"), found.role("Candidate")
    assert (found.of(active).ready, found.of(active).wanted, found.of(active).exists) == (2, 5, True)
    assert (found.of(candidate).ready, found.of(candidate).wanted, found.of(candidate).exists) == (0, 5, False)
    assert found.of(found.role("Retiring")) == NOTHING


@pytest.mark.parametrize(("ready", "role"), [(0, "Candidate"), (1, "Candidate"), (2, "Active")])
def test_a_retiring_one_that_the_spec_asks_for_again_has_to_be_complete(ready: int, role: str) -> None:
    """It was left with no engine, or with fewer than the spec asks for by now."""
    simulation = serving(1)
    simulation.policies.append(policy())  # whose routers say nothing yet, so that it stays for a while
    first = simulation.revision("Active")
    simulation.edit({"replicas": 0})
    simulation.run()
    simulation.ready("Active", 0)
    simulation.edit({"model": {"uri": "hf://acme/other"}})
    simulation.settle()
    simulation.edit({"replicas": 2})
    simulation.settle()
    simulation.ready("Active", 2)
    simulation.settle()
    assert simulation.revision("Retiring") == first
    simulation.ready("Retiring", ready)
    simulation.edit({"model": {"uri": "hf://acme/llama-8b"}})
    assert {r.name: r.role for r in decided(simulation).revisions}[first] == role


def asked(simulation: Simulation, revision: str) -> Plan:
    """A pass after somebody set the annotation, or removed it."""
    simulation.annotate({names.MAKE_ROOM_ANNOTATION: revision})
    return simulation.run()


def uri(name: str) -> dict[str, Any]:
    return {"model": {"uri": f"hf://acme/{name}"}}


def workloads(plan: Plan) -> list[str]:
    return [key.name for key in plan.delete if key.kind == "Deployment"]


@pytest.mark.parametrize("parts", [("status",), ("status", "apply"), ()])
def test_room_is_made_also_after_a_pass_that_was_interrupted(parts: tuple[str, ...]) -> None:
    simulation = serving()
    old = simulation.revision("Active")
    simulation.edit(uri("b"))
    simulation.annotate({names.MAKE_ROOM_ANNOTATION: "newest"})
    first = simulation.plan()
    simulation.carry_out(first, *parts)
    again = simulation.run()
    assert workloads(first) == workloads(again) == [f"llama-{old}"]
    assert again.status["roomMadeFor"] is None, "it has no engines yet"


def test_room_is_made_once() -> None:
    simulation = serving()
    simulation.edit(uri("b"))
    asked(simulation, "newest")
    b = simulation.revision("Active")
    simulation.ready("Active", 1)
    assert simulation.run().status["roomMadeFor"] is None, "it is not complete"
    simulation.ready("Active", 2)
    assert simulation.run().status["roomMadeFor"] == b

    simulation.edit(uri("c"))
    simulation.run()
    simulation.ready("Candidate", 2)
    simulation.settle()
    c = simulation.revision("Active")
    simulation.edit(uri("b"))
    back = simulation.run()
    assert (back.status["activeRevision"], back.status["roomMadeFor"], workloads(back)) == (c, b, [])
    assert simulation.revision("Candidate") == b

    assert asked(simulation, "").status["roomMadeFor"] is None
    once_more = asked(simulation, b)
    assert (once_more.status["activeRevision"], workloads(once_more)) == (b, [f"llama-{c}"])


def test_no_room_is_made_when_nobody_knows_whether_it_was() -> None:
    simulation = serving()
    old = simulation.revision("Active")
    simulation.edit(uri("b"))
    simulation.annotate({names.MAKE_ROOM_ANNOTATION: "newest"})
    simulation.owner = {**simulation.owner, "status": {}}
    plan = simulation.run()
    assert (plan.status["activeRevision"], plan.delete) == (old, ())


def test_room_for_another_revision_than_the_newest_is_not_made() -> None:
    simulation = serving()
    old = simulation.revision("Active")
    simulation.edit(uri("b"))
    plan = asked(simulation, "cccc")
    assert (plan.status["activeRevision"], plan.status["roomMadeFor"], plan.delete) == (old, None, ())


def test_a_record_without_data_is_none() -> None:
    simulation = serving()
    kept: Manifest = next(c for c in simulation.children.values() if c["kind"] == "ControllerRevision")
    emptied = live({**kept, "data": None})
    world = simulation.model_world()
    children = tuple(emptied if c["kind"] == "ControllerRevision" else c for c in world.children)
    again = ModelWorld(world.owner, DEFAULTS, children=children)
    parsed = ModelDeployment.model_validate({**simulation.owner, "status": None})
    found = decide(again, parsed, read(again, NOW), NOW)
    assert found.data[found.newest]["kind"] == "Deployment", "the newest is rendered anew"
