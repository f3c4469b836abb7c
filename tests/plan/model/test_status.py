"""The status of a model: each row of the verdict's table, and the cluster's own words when something is wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.builders import condition, model, policy, verdict
from tests.support.simulation import Simulation
from tidegate import names
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.samples import Complaint
from tidegate.plan.world import Capabilities

OTHER = {"model": {"uri": "hf://acme/other"}}
READY, STARTS, STALLED = ("True", "False", "False"), ("False", "True", "False"), ("False", "False", "True")
SERVES, ROLLED_BACK = ("True", "True", "False"), ("True", "False", "True")
PLACED = {"type": "PodScheduled", "status": "True"}
CRASH = {
    "name": "engine",
    "ready": False,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
    "lastState": {
        "terminated": {
            "reason": "Error",
            "exitCode": 2,
            "message": "usage: vllm serve\nerror: unrecognized arguments: --max-model-length 8192\n",
        }
    },
}
WAITS = {
    "conditions": [PLACED],
    "containerStatuses": [{"name": "engine", "state": {"waiting": {"reason": "ContainerCreating"}}}],
}
QUOTA = 'pods "llama-1" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: 1, limited: 1'
REFUSED = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA}


def new(**parts: Any) -> Simulation:
    """A model after its first pass."""
    simulation = Simulation(model(**parts))
    simulation.run()
    return simulation


def serving(ready: int = 1, replicas: int = 1, **parts: Any) -> Simulation:
    """A model of which so many engines answer."""
    simulation = new(replicas=replicas, **parts)
    simulation.ready("Active", ready)
    simulation.run()
    return simulation


def switching(ready: int = 1, replicas: int = 1) -> Simulation:
    """A model with a Candidate; so many engines of the Active one answer."""
    simulation = serving(replicas, replicas)
    simulation.edit(OTHER)
    simulation.run()
    simulation.ready("Active", ready)
    return simulation


def draining() -> Simulation:
    """The Candidate took the traffic; a policy has not said that its routers left the old one."""
    simulation = switching()
    simulation.policies.append(policy())
    simulation.ready("Candidate", 1)
    simulation.run()
    return simulation


def after(simulation: Simulation, wait: str = "0s", **edit: Any) -> Simulation:
    simulation.wait(wait)
    if edit:
        simulation.edit(edit)
    return simulation


TABLE = [
    # no candidate, all answer
    (serving(), READY, "Serving", "1 of 1 engines answer"),
    (serving(3, 3), READY, "Serving", "3 of 3 engines answer"),
    (draining(), SERVES, "OldRevisionDraining", "1 of 1 engines answer; revision {Retiring} finishes its streams"),
    (serving(0, 0), READY, "ScaledToZero", "scaled to zero; nothing answers until spec.replicas is above 0"),
    # no candidate, some or none answer
    (new(), STARTS, "EnginesStarting", "0 of 1 engines answer"),
    (serving(1, 2), SERVES, "EnginesStarting", "1 of 2 engines answer"),
    (after(new(), "20m"), STARTS, "EnginesStarting", "0 of 1 engines answer"),
    (after(new(), "21m"), STALLED, "ProgressDeadlineExceeded", "startup took longer than spec.engine.startupTimeout"),
    (after(serving(1, 2), "21m"), ROLLED_BACK, "ProgressDeadlineExceeded", "1 of 2 engines answer; startup took longer"),
    # starting
    (switching(), SERVES, "NewRevisionStarting", "revision {Candidate} starts: 0 of 1 engines answer"),
    (after(switching(), "20m"), SERVES, "NewRevisionStarting", "revision {Candidate} starts: 0 of 1 engines answer"),
    (after(switching(), "21m"), ROLLED_BACK, "ProgressDeadlineExceeded", "the active revision goes on serving"),
    (switching(0), STARTS, "NewRevisionStarting", "no engine of the active revision answers at present"),
    (after(switching(0), "21m"), STALLED, "ProgressDeadlineExceeded", "no engine of the active revision answers"),
    # suspended
    (after(serving(), suspend=True), READY, "Suspended", "suspended: nothing is touched"),
    (after(new(), suspend=True), ("False", "False", "False"), "Suspended", "suspended: nothing is touched"),
    (after(switching(), "1h", suspend=True), READY, "Suspended", "suspended: nothing is touched"),
]  # fmt: skip


@pytest.mark.parametrize(("simulation", "statuses", "reason", "message"), TABLE)
def test_verdict(simulation: Simulation, statuses: tuple[str, str, str], reason: str, message: str) -> None:
    status = simulation.plan().status
    revisions = {r["role"]: r["name"] for r in status["revisions"]}
    said = condition(status, "Ready")
    assert verdict(status) == statuses
    assert said["reason"] == reason
    assert message.format(**revisions) in said["message"]


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


def test_a_candidate_that_crashes() -> None:
    """Past its startup budget: Stalled in the engine's own words, and Ready stays."""
    simulation = switching()
    simulation.engine_pod("Candidate", {"containerStatuses": [CRASH]})
    status = simulation.run().status
    assert verdict(status) == SERVES
    assert condition(status, "Reconciling")["reason"] == "CrashLoopBackOff"
    simulation.wait("21m")
    status = simulation.run().status
    assert verdict(status) == ROLLED_BACK
    stalled = condition(status, "Stalled")
    assert stalled["reason"] == "CrashLoopBackOff"
    assert "(exit code 2): error: unrecognized arguments: --max-model-length 8192" in stalled["message"]
    assert stalled["message"].endswith("; the active revision goes on serving")


def test_a_candidate_that_cannot_start_while_the_good_engine_is_silent_for_a_moment() -> None:
    """The good one stays, and has the traffic, until another one answers."""
    simulation = switching()
    good = simulation.revision("Active")
    simulation.engine_pod("Candidate", {"containerStatuses": [CRASH]})
    for wait in ("13s", "10m", "24h"):
        simulation.ready("Active", 0)
        simulation.wait(wait)
        plan = simulation.run()
        assert (plan.status["activeRevision"], plan.delete) == (good, ())
        assert condition(plan.status, "Ready")["status"] == "False"
        assert "no engine of the active revision answers" in condition(plan.status, "Ready")["message"]
        simulation.ready("Active", 1)
        assert condition(simulation.run().status, "Ready")["status"] == "True"


@pytest.mark.parametrize("role", ["Active", "Candidate"])
def test_no_pods_in_the_quotas_words(role: str) -> None:
    simulation = switching() if role == "Candidate" else new()
    simulation.workload_status(role, conditions=[REFUSED])
    status = simulation.run().status
    assert condition(status, "Reconciling")["reason"] == "FailedCreate"
    assert QUOTA in condition(status, "Reconciling")["message"]
    simulation.wait("21m")
    status = simulation.run().status
    assert verdict(status) == (ROLLED_BACK if role == "Candidate" else STALLED)
    assert QUOTA in condition(status, "Stalled")["message"]


def test_what_pods_say_comes_before_what_their_workload_said() -> None:
    simulation = new()
    simulation.workload_status("Active", conditions=[REFUSED])
    simulation.engine_pod("Active", {"containerStatuses": [CRASH]})
    assert condition(simulation.run().status, "Ready")["reason"] == "CrashLoopBackOff"


@pytest.mark.parametrize("role", ["Active", "Candidate"])
def test_a_pod_that_waits_for_what_only_events_tell(role: str) -> None:
    simulation = switching() if role == "Candidate" else new()
    simulation.engine_pod(role, WAITS)
    plan = simulation.run()
    assert {question.about.name for question in plan.ask} == {"llama-engine-0"}
    simulation.complaints["llama-engine-0"] = Complaint("FailedMount", 'secret "token" not found')
    told = condition(simulation.run().status, "Reconciling")
    assert told["reason"] == "FailedMount"
    assert 'Pod llama-engine-0: FailedMount: secret "token" not found' in told["message"]


def group() -> Simulation:
    """A model on two nodes, of which no Pod is there."""
    simulation = Simulation(
        model(engine={"gpus": {"count": 8}, "parallelism": {"tensor": 16}}),
        capabilities=Capabilities(leader_worker_set=True),
    )
    simulation.run()
    return simulation


def test_a_group_past_our_own_deadline() -> None:
    """A LeaderWorkerSet has none of its own, and says nothing: the Events of its StatefulSet do."""
    simulation = group()
    plan = simulation.run()
    (asked,) = plan.ask
    assert (asked.about.kind, asked.about.name) == ("StatefulSet", f"llama-{simulation.revision('Active')}")
    assert plan.next_check == 1260.0
    simulation.complaints[asked.about.name] = Complaint("FailedCreate", QUOTA)
    assert condition(simulation.run().status, "Reconciling")["reason"] == "FailedCreate"
    simulation.wait("21m")
    status = simulation.run().status
    assert verdict(status) == STALLED
    assert QUOTA in condition(status, "Stalled")["message"]
    assert simulation.plan().next_check is None


@pytest.mark.parametrize("role", ["Active", "Candidate"])
def test_kubernetes_own_deadline_counts_too(role: str) -> None:
    simulation = switching() if role == "Candidate" else new()
    simulation.deadline(role)
    assert condition(simulation.run().status, "Stalled")["status"] == "True"


def test_no_room_says_how_to_make_it() -> None:
    simulation = switching()
    no_node = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes."}
    simulation.engine_pod("Candidate", {"conditions": [no_node]})
    said = condition(simulation.run().status, "Reconciling")
    candidate = simulation.revision("Candidate")
    assert said["reason"] == "InsufficientCapacity"
    assert f"kubectl annotate mdep/llama {names.MAKE_ROOM_ANNOTATION}={candidate}" in said["message"]


def test_numbers_and_names() -> None:
    simulation = serving(1, 2)
    status = simulation.run().status
    assert (status["ready"], status["readyReplicas"], status["desiredReplicas"], status["replicas"]) == ("1/2", 1, 2, 1)
    assert status["activeRevision"] == simulation.revision("Active")
    assert status["selector"] == "tidegate.dev/model=llama,tidegate.dev/role=engine"


def test_what_routers_are_told_survives_the_loss_of_a_record() -> None:
    simulation = switching()
    before = {r["name"]: r for r in simulation.owner["status"]["revisions"]}
    for key in [key for key in simulation.children if key.kind == "ControllerRevision"]:
        del simulation.children[key]
    active = next(r for r in simulation.run().status["revisions"] if r["role"] == "Active")
    for field in ("servedNames", "adapters", "workload"):
        assert active[field] == before[active["name"]][field]


GARBAGE: list[Any] = [
    {},
    {"added": {"by": ["a newer operator"]}},
    {"revisions": "?", "conditions": "?", "observedGeneration": "x"},
    {"revisions": [None, 7, "?", {}, {"name": "a"}], "conditions": [None, {}, {"type": "Ready"}]},
    {"conditions": [{"type": "Stalled", "status": "True"}, {"type": "Reconciling", "status": "?", "added": 1}]},
]


@pytest.mark.parametrize("status", GARBAGE)
def test_a_status_of_another_version_is_read_past(status: Manifest) -> None:
    simulation = serving()
    before = {key.name for key in simulation.children}
    simulation.owner = {**simulation.owner, "status": status}
    plan = simulation.run()
    assert verdict(plan.status) == READY
    assert plan.delete == ()
    assert {key.name for key in simulation.children} == before
