"""Passes over a revision that retires: what routers say of it, for how long they are silent, and what is never deleted."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.plan.model.test_status import draining, serving, switching
from tests.support.builders import condition, policy
from tests.support.simulation import Simulation
from tidegate.plan.plan import Manifest, ObjectKey


@pytest.mark.parametrize(
    ("live", "behind", "sent_to", "sends"),
    [
        (1, 0, "backends", True),
        (1, 1, "backends", True),
        (0, 1, "older", True),
        (1, 1, "older", True),
        (1, 0, "older", False),  # one runs the newest, and another one is silent
        (0, 1, "backends", False),
        (0, 0, "backends", False),
        (0, 0, "older", False),
    ],
)
def test_why_a_retiring_revision_is_there(live: int, behind: int, sent_to: str, sends: bool) -> None:
    """Also long after a minute, while a router says that it still sends to it."""
    simulation = draining()
    old = simulation.revision("Retiring")
    simulation.policies[:] = [routers(simulation, live, behind, **{sent_to: old})]
    simulation.wait("59s")
    plan = simulation.run()
    stays = "stays, because routers of chat report that they still send to it"
    silent = "finishes its streams; routers of chat have not said that they left it"
    assert condition(plan.status, "Ready")["message"] == f"1 of 1 engines answer; revision {old} " + (
        stays if sends else silent
    )
    assert plan.delete == ()
    simulation.wait("1h")
    later = simulation.plan()
    assert bool(later.delete) == (not sends)
    assert len(later.status["revisions"]) == (2 if sends else 1)


def routers(simulation: Simulation, live: int, behind: int, backends: str = "", older: str = "") -> dict[str, Any]:
    """A policy of which the newest configuration, and older ones, send to these revisions; the Active one if none is given."""
    said = simulation.sending(policy(), backends or simulation.revision("Active"), ["to-llama"])
    before = simulation.sending(policy(), older, ["to-llama"])["status"]["configuration"]["backends"] if older else []
    said["status"]["configuration"] |= {"live": live, "behind": behind, "older": before}
    return said


def test_silence_is_counted_from_the_silence() -> None:
    """A router says for five minutes that it sends to the old revision; then one reading has none that answers."""
    simulation = draining()
    old = simulation.revision("Retiring")
    simulation.policies[:] = [routers(simulation, 0, 1, older=old)]
    for _ in range(30):
        simulation.wait("10s")
        plan = simulation.run()
        assert plan.delete == ()
        assert "silentSince" not in entry(plan.status, old)
    simulation.policies[:] = [routers(simulation, 0, 0, older=old)]
    began = simulation.now
    assert simulation.run().delete == ()
    simulation.wait("1s")
    assert simulation.run().delete == ()
    assert entry(simulation.owner["status"], old)["silentSince"] == began.isoformat()
    simulation.wait("58s")
    assert simulation.run().next_check == 1.0
    assert old in revisions(simulation)
    simulation.wait("1s")
    assert {key.kind for key in simulation.run().delete} >= {"Deployment", "ControllerRevision"}
    assert old not in revisions(simulation)


def test_a_word_of_a_router_ends_the_silence() -> None:
    simulation = draining()
    old = simulation.revision("Retiring")
    for behind in (0, 1, 0):
        simulation.policies[:] = [routers(simulation, 0, behind, older=old)]
        assert simulation.run().delete == ()
        simulation.wait("50s")
    assert simulation.run().delete == ()
    simulation.wait("10s")
    assert simulation.run().delete != ()


def test_a_live_router_beside_a_silent_one() -> None:
    """Nobody says that it sends to the old one, and one does not say that it does not."""
    simulation = draining()
    simulation.policies[:] = [routers(simulation, 1, 0, older=simulation.revision("Retiring"))]
    simulation.run()
    simulation.wait("59s")
    assert simulation.run().delete == ()
    simulation.wait("1s")
    assert simulation.run().delete != ()


def entry(status: Manifest, revision: str) -> dict[str, Any]:
    return next(dict(r) for r in status["revisions"] if r["name"] == revision)


def revisions(simulation: Simulation) -> set[str]:
    return {r["name"] for r in simulation.owner["status"]["revisions"]}


def test_a_whole_service_gets_its_traffic_back() -> None:
    """Ten of ten, a candidate with one of ten, and one reading of nobody."""
    simulation = switching(10, 10)
    simulation.ready("Candidate", 1)
    good, candidate = simulation.revision("Active"), simulation.revision("Candidate")
    simulation.policies[:] = [simulation.sending(policy(), good, ["to-llama"])]
    simulation.run()
    simulation.ready("Active", 0)
    moment = simulation.run()
    assert (moment.status["activeRevision"], moment.delete) == (candidate, ())
    simulation.policies[:] = [simulation.sending(policy(), candidate, ["to-llama"])]
    simulation.wait("2h")
    assert simulation.run().delete == (), "all routers have left it, and it was the whole service"
    simulation.ready("Retiring", 10)
    again = simulation.run()
    assert (again.status["activeRevision"], again.delete) == (good, ())
    assert {r["name"]: r["role"] for r in again.status["revisions"]} == {good: "Active", candidate: "Candidate"}


STRANGERS = {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "theirs"}


@pytest.mark.parametrize("references", [[], [STRANGERS], [{**STRANGERS, "controller": True}]])
def test_what_is_not_ours_is_not_deleted(references: list[Any]) -> None:
    """A claim that was retained on purpose, to which somebody else's object refers by now."""
    storage = {"claim": {"size": "1Gi", "retention": {"whenDeleted": "Retain"}}}
    simulation = serving(source={"storage": storage})
    key = next(key for key in simulation.children if key.kind == "PersistentVolumeClaim")
    claim = simulation.children[key]
    simulation.children[key] = {**claim, "metadata": {**claim["metadata"], "ownerReferences": references}}
    simulation.edit({"model": {"storage": None}})
    simulation.run()
    simulation.ready("Candidate", 1)
    for _ in range(3):
        assert key not in simulation.run().delete
        simulation.wait("1h")
    assert len(revisions(simulation)) == 1


@pytest.mark.parametrize("references", [None, [STRANGERS]])
def test_a_copy_of_a_workload_is_left_alone(references: Any) -> None:
    """Under another name, with our labels: no revision, and not ours to delete."""
    simulation = serving()
    key = next(key for key in simulation.children if key.kind == "Deployment")
    copied = copy.deepcopy(simulation.children[key])
    del copied["metadata"]["ownerReferences"]
    copied["metadata"] |= {"name": "llama-debug", "uid": "copy"} | (
        {"ownerReferences": references} if references else {}
    )
    simulation.children[ObjectKey.of(copied)] = copied
    before = simulation.owner["status"]["revisions"]
    plan = simulation.run()
    assert (plan.status["revisions"], plan.delete) == (before, ())
    simulation.owner = {**simulation.owner, "status": {}}
    assert [r["name"] for r in simulation.run().status["revisions"]] == [before[0]["name"]]


def test_an_upgrade_in_the_middle_of_a_switch() -> None:
    """From an operator that wrote down neither engines, nor who answered, nor where older configurations sent to."""
    simulation = switching(2, 2)
    simulation.policies.append(policy())
    simulation.ready("Candidate", 2)
    simulation.run()
    old = simulation.revision("Retiring")
    kept = ("name", "role", "since", "traffic", "readyReplicas", "servedNames", "adapters")
    before = [{k: v for k, v in r.items() if k in kept} for r in simulation.owner["status"]["revisions"]]
    simulation.owner = {**simulation.owner, "status": {"revisions": before}}
    said = {"hash": "x", "live": 1, "behind": 0, "backends": [{"name": "to-llama", "revision": old}]}
    simulation.policies[:] = [policy() | {"status": {"configuration": said}}]
    simulation.edit({"replicas": 5})
    simulation.wait("2h")
    plan = simulation.run()
    assert plan.delete == ()
    wanted = {m["metadata"]["name"]: m["spec"]["replicas"] for m in plan.apply if m["kind"] == "Deployment"}
    assert wanted == {f"llama-{old}": 2, f"llama-{simulation.revision('Active')}": 5}


def test_a_revision_in_a_role_of_a_later_version_stays() -> None:
    simulation = draining()
    old = simulation.revision("Retiring")
    later = [r | ({"role": "Shadow"} if r["name"] == old else {}) for r in simulation.owner["status"]["revisions"]]
    simulation.owner = {**simulation.owner, "status": simulation.owner["status"] | {"revisions": later}}
    assert simulation.run().delete == ()
    assert simulation.revision("Retiring") == old
