"""The status of a policy: each row of the verdict's table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import condition, model, policy, verdict
from tests.support.simulation import Simulation
from tidegate.plan.samples import Complaint, RouterReport

ENTRY = {"name": "r1", "role": "Active", "traffic": 100, "readyReplicas": 1, "servedNames": ["llama"], "adapters": []}
SILENT = ENTRY | {"readyReplicas": 0}
ZERO = SILENT | {"replicas": 0}
ASLEEP, WAKING = ZERO | {"waits": True}, SILENT | {"replicas": 1, "waits": True}
"""The same of a model whose requests wait, and while its first engine starts."""
"""Of a model that is scaled to zero."""
PULL = {
    "phase": "Pending",
    "containerStatuses": [{"name": "envoy", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}],
}
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "must specify limits.memory"}
STARTS, SERVES = ("False", "True", "False"), ("True", "True", "False")
STALLED, READY, OUTDATED = ("False", "False", "True"), ("True", "False", "False"), ("True", "False", "True")


ALL = ("newest", "newest")


def place(*entries: dict[str, Any] | None, routers: int = 2) -> Simulation:
    """A policy over one model for each entry, which is the model's revision; so many of its two routers are ready."""
    names_of_them = tuple(f"m{n}" for n, _ in enumerate(entries))
    simulation = Simulation(policy("chat", names_of_them))
    for name, entry in zip(names_of_them, entries, strict=True):
        if entry:
            desired = {"desiredReplicas": entry.get("replicas", 1)}
            awake = model(name) | {"status": {"revisions": [entry], **desired}}
            simulation.models[name] = asleep(name, entry) if "waits" in entry else awake
    simulation.run()
    simulation.run()
    for number in range(routers):
        simulation.router_pod(f"pod-{number}")
    return simulation


def asleep(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A model that may have no engine."""
    scaled = {"minReplicas": 0, "maxReplicas": 2, "scaleToZero": {"holdRequests": "60s"}}
    return model(name, autoscaling=scaled) | {"status": {"revisions": [entry], "desiredReplicas": entry["replicas"]}}


def say(simulation: Simulation, *configs: str, error: str = "") -> Simulation:
    """What each router runs; `newest` is what it should."""
    newest = simulation.plan().status["configuration"]["hash"]
    simulation.reports = {
        f"pod-{number}": RouterReport(newest if config == "newest" else config, error if number == 0 else "")
        for number, config in enumerate(configs)
    }
    return simulation


def with_pod(simulation: Simulation, status: dict[str, Any]) -> Simulation:
    simulation.router_pod("pod-x", status)
    return simulation


def with_deployment(simulation: Simulation, *conditions: dict[str, str]) -> Simulation:
    key = next(key for key in simulation.children if key.kind == "Deployment")
    simulation.children[key] = {**simulation.children[key], "status": {"conditions": list(conditions)}}
    return simulation


def outdated(*configs: str, error: str = "") -> Simulation:
    """Routers of an older version, which would misread what the operator writes by now; they have a configuration."""
    simulation = say(place(ENTRY), "newest", "newest")
    simulation.run()
    simulation.reports = {pod: replace(report, reads=0) for pod, report in simulation.reports.items()}
    simulation.models["m0"] = model("m0") | {"status": {"revisions": [ENTRY | {"name": "r2"}]}}
    said = say(simulation, *configs, error=error).reports if configs else simulation.reports
    simulation.reports = {pod: replace(report, reads=0) for pod, report in said.items()}
    return simulation


def _replaced(*conditions: dict[str, str]) -> Simulation:
    """Two routers of before are ready, and a new one is not."""
    simulation = with_deployment(say(place(ENTRY), *ALL), *conditions)
    key = next(key for key in simulation.children if key.kind == "Deployment")
    simulation.children[key]["status"] |= {"replicas": 3, "updatedReplicas": 1}
    return simulation


WORDS = "no engine of ModelDeployment"
TABLE = [
    # no router is ready
    (place(ENTRY, routers=0), STARTS, "RoutersStarting", "0 of 2 routers answer"),
    (with_pod(place(ENTRY, routers=0), PULL), STARTS, "ErrImagePull", "Pod pod-x: container envoy ErrImagePull"),
    (with_deployment(place(ENTRY, routers=0), QUOTA), STARTS, "FailedCreate", "must specify limits.memory"),
    (with_deployment(place(ENTRY, routers=0), QUOTA, LATE), STALLED, "FailedCreate", "must specify limits.memory"),
    (with_deployment(place(SILENT, routers=0), LATE), STALLED, "RoutersStarting", "0 of 2 routers answer"),
    # none of the routes is answered
    (say(place(SILENT), *ALL), STARTS, "NoEngineAnswers", "backend to-m0: no engine of ModelDeployment 'm0' answers"),
    (say(place(None), *ALL), STARTS, "BackendNotFound", "ModelDeployment 'm0' does not exist"),
    (say(place(SILENT, None), *ALL), STARTS, "NoEngineAnswers", "ModelDeployment 'm1' does not exist"),
    (place(SILENT, routers=1), STARTS, "NoEngineAnswers", WORDS),
    # none, and that is meant
    (say(place(ZERO), *ALL), READY, "ScaledToZero", "2 of 2 routers answer; backend to-m0: ModelDeployment 'm0' is scaled to zero"),
    (say(place(ZERO, ZERO), *ALL), READY, "ScaledToZero", "'m0' is scaled to zero; backend to-m1: ModelDeployment 'm1' is"),
    (say(place(ZERO, SILENT), *ALL), STARTS, "NoEngineAnswers", "'m0' is scaled to zero; backend to-m1: no engine of"),
    (say(place(ZERO, None), *ALL), STARTS, "NoEngineAnswers", "ModelDeployment 'm1' does not exist"),
    (say(place(ZERO), "old", "newest"), SERVES, "ConfigurationPending", "are taking the newest"),
    (place(ZERO, routers=0), STARTS, "RoutersStarting", "0 of 2 routers answer"),
    (place(ZERO, routers=1), SERVES, "RoutersStarting", "1 of 2 routers answer"),
    (say(place(ASLEEP), *ALL), READY, "ScaledToZero", "'m0' is scaled to zero; the next request wakes it"),
    (say(place(ASLEEP, SILENT), *ALL), STARTS, "NoEngineAnswers", WORDS),
    (say(place(ASLEEP, ENTRY), *ALL), READY, "Serving", "'m0' is scaled to zero; the next request wakes it"),
    (say(place(WAKING), *ALL), STARTS, "EnginesStarting", "the first engine of ModelDeployment 'm0' starts; requests wait for it"),
    (say(place(WAKING, SILENT), *ALL), STARTS, "NoEngineAnswers", WORDS),
    # too few routers
    (place(ENTRY, routers=1), SERVES, "RoutersStarting", "1 of 2 routers answer"),
    (with_pod(place(ENTRY, routers=1), PULL), SERVES, "ErrImagePull", "1 of 2 routers answer; Pod pod-x"),
    (with_deployment(place(ENTRY, routers=1), LATE), OUTDATED, "RoutersStarting", "1 of 2 routers answer"),
    # refused by a brain
    (say(place(ENTRY), "old", "newest", error="no"), OUTDATED, "ConfigurationRefused", "router pod-0: no"),
    # being replaced
    (_replaced(), SERVES, "RoutersStarting", "routers are being replaced, and those of before go on"),
    (with_pod(_replaced(), PULL), SERVES, "ErrImagePull", "those of before go on; Pod pod-x"),
    (with_pod(_replaced(LATE), PULL), OUTDATED, "ErrImagePull", "those of before go on; Pod pod-x"),
    # too new for them
    (outdated(), OUTDATED, "RoutersOutdated", "needs routers that read 1, and these read 0: they go on with the one"),
    (outdated("old", "newest"), OUTDATED, "RoutersOutdated", "an annotation in podMetadata is enough"),
    (outdated("old", "newest", error="no"), OUTDATED, "ConfigurationRefused", "router pod-0: no"),
    # not everywhere yet
    (say(place(ENTRY), "old", "newest"), SERVES, "ConfigurationPending", "are taking the newest"),
    (place(ENTRY), SERVES, "ConfigurationPending", "are taking the newest"),
    # live everywhere
    (say(place(ENTRY), *ALL), READY, "Serving", "2 of 2 routers answer"),
    (say(place(ENTRY, None), *ALL), READY, "Serving", "2 of 2 routers answer; route main: backend to-m1"),
    (say(place(ENTRY, SILENT), *ALL), READY, "Serving", "2 of 2 routers answer; backend to-m1: no engine of"),
    (say(place(ENTRY, ZERO), *ALL), READY, "Serving", "2 of 2 routers answer; backend to-m1: ModelDeployment 'm1' is scaled to zero"),
]  # fmt: skip


@pytest.mark.parametrize(("simulation", "statuses", "reason", "message"), TABLE)
def test_verdict(simulation: Simulation, statuses: tuple[str, str, str], reason: str, message: str) -> None:
    status = simulation.plan().status
    assert verdict(status) == statuses
    assert condition(status, "Ready")["reason"] == reason
    assert message in condition(status, "Ready")["message"]


@pytest.mark.parametrize(("entry", "resolved"), [(ENTRY, "True"), (SILENT, "True"), (None, "False")])
def test_references(entry: dict[str, Any] | None, resolved: str) -> None:
    """An engine that is silent is no reference that leads nowhere."""
    assert condition(place(entry).plan().status, "ResolvedRefs")["status"] == resolved


def test_a_router_that_waits_for_what_only_events_tell() -> None:
    creating = {"name": "envoy", "state": {"waiting": {"reason": "ContainerCreating"}}}
    status = {"conditions": [{"type": "PodScheduled", "status": "True"}], "containerStatuses": [creating]}
    simulation = with_pod(place(ENTRY, routers=1), status)
    simulation.complaints["pod-x"] = Complaint("FailedMount", "configmap not found")
    assert "FailedMount: configmap not found" in condition(simulation.plan().status, "Ready")["message"]


def test_numbers_and_names() -> None:
    status = say(with_pod(place(ENTRY), PULL), "newest", "old").plan().status
    assert (status["ready"], status["replicas"], status["readyReplicas"]) == ("2/2", 3, 2)
    assert status["address"] == "http://chat-router.shop.svc"
    assert status["models"] == ["chat"]
    said = status["configuration"]
    assert (said["live"], said["behind"], said["silent"]) == (1, 1, 0)


def test_a_service_of_somebody_else_is_no_address() -> None:
    """Of a model `chat-router`, for example, whose Service has the name of the routers'."""
    simulation = say(place(ENTRY), *ALL)
    key = next(key for key in simulation.children if key.kind == "Service")
    mine = simulation.children.pop(key)
    assert simulation.plan().status["address"] == "", "it is somebody else's"
    simulation.children[key] = {**mine, "spec": {**mine["spec"], "selector": {"app": "another"}}}
    assert simulation.plan().status["address"] == ""
    simulation.children[key] = mine
    assert simulation.plan().status["address"] == "http://chat-router.shop.svc"


@pytest.mark.parametrize(
    "status",
    [
        {"added": [1], "conditions": "?"},
        {"configuration": "?", "conditions": [None, {"type": "Ready"}]},
        {"configuration": {"hash": 7, "backends": [{"name": "to-m0", "revisions": "?"}, 9], "added": {}}},
    ],
)
def test_a_status_of_another_version_is_read_past(status: dict[str, Any]) -> None:
    simulation = say(place(ENTRY), *ALL)
    simulation.owner = {**simulation.owner, "status": status}
    assert verdict(simulation.plan().status) == READY
