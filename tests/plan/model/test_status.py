"""The status of a model: each row of the verdict's table, and the cluster's own words when something is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, condition, model, policy, verdict
from tests.support.simulation import Simulation
from tidegate import names
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Manifest
from tidegate.plan.samples import Complaint
from tidegate.plan.scaling.prefixes import Rates
from tidegate.plan.world import Capabilities, ModelWorld

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
    assert {question.about.name for question in plan.ask if question.about.kind == "Pod"} == {"llama-engine-0"}
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


@pytest.mark.parametrize(
    ("rates", "before", "said"),
    [
        (None, None, None),
        (None, {"hitRate": "60%"}, {"hitRate": "60%"}),
        (Rates(25, None), {"hitRate": "60%", "externalHitRate": "5%"}, {"hitRate": "25%"}),
        (Rates(25, 0), None, {"hitRate": "25%", "externalHitRate": "0%"}),
    ],
)
def test_what_prefix_caches_find(rates: Rates | None, before: Any, said: Any) -> None:
    owner = model() | ({"status": {"prefixCache": before}} if before else {})
    assert plan_model(ModelWorld(owner, DEFAULTS, rates=rates), NOW).status["prefixCache"] == said
