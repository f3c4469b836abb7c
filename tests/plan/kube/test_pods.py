"""What Pods say about themselves: each kind of trouble, and the worst first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import key_of, pod
from tidegate.plan.kube.pods import about, complaints, creating, ready, trouble, unschedulable
from tidegate.plan.plan import Question
from tidegate.plan.samples import Complaint, RouterReport, Sample

NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available"}
PULL = {"name": "engine", "ready": False, "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}
CREATING = {"name": "engine", "ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
CRASH = {
    "name": "engine",
    "ready": False,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
    "lastState": {"terminated": {"reason": "Error", "exitCode": 1, "message": "no such model\n"}},
}
ENDED = {"name": "engine", "ready": False, "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
AGAIN = {
    "name": "engine",
    "ready": False,
    "state": {"running": {}},
    "lastState": {"terminated": {"reason": "Error", "exitCode": 2}},
}
FINISHED = {"name": "copy", "ready": False, "state": {"terminated": {"reason": "Completed", "exitCode": 0}}}


def broken(name: str = "p", **status: Any) -> dict[str, Any]:
    return pod(name, {}, ready=False, **status)


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        ({"conditions": [NO_NODE]}, "Unschedulable", "Pod p: Unschedulable: 0/2 nodes are available"),
        ({"containerStatuses": [PULL]}, "ErrImagePull", "Pod p: container engine ErrImagePull: not found"),
        (
            {"containerStatuses": [CRASH]},
            "CrashLoopBackOff",
            "Pod p: container engine CrashLoopBackOff: Error (exit code 1): no such model",
        ),
        ({"containerStatuses": [ENDED]}, "OOMKilled", "Pod p: container engine: OOMKilled (exit code 137)"),
        ({"containerStatuses": [AGAIN]}, "Error", "Pod p: container engine: Error (exit code 2)"),
        ({"initContainerStatuses": [PULL], "containerStatuses": [CREATING]}, "ErrImagePull", "not found"),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
            "Evicted",
            "Pod p: Evicted: low on memory",
        ),
    ],
)
def test_trouble(status: dict[str, Any], reason: str, message: str) -> None:
    found = trouble([broken(**status)])
    assert found is not None
    assert found[0] == reason
    assert message in found[1]


@pytest.mark.parametrize(
    "status",
    [{}, {"containerStatuses": [CREATING]}, {"initContainerStatuses": [FINISHED]}, {"phase": "Pending"}],
)
def test_no_trouble(status: dict[str, Any]) -> None:
    assert trouble([broken(**status)]) is None


def test_a_ready_pod_is_no_trouble_whatever_it_went_through() -> None:
    assert trouble([pod("p", {}, containerStatuses=[AGAIN | {"ready": True}])]) is None


def test_the_worst_first() -> None:
    pods = [
        broken("ended", containerStatuses=[ENDED]),
        broken("homeless", conditions=[NO_NODE]),
        broken("pulling", containerStatuses=[PULL]),
    ]
    reasons = []
    while pods and (found := trouble(pods)):
        reasons.append(found[0])
        pods = [p for p in pods if p["metadata"]["name"] not in found[1].split(":")[0]]
    assert reasons == ["ErrImagePull", "Unschedulable", "OOMKilled"]


def test_ready() -> None:
    assert ready(pod("p", {}))
    assert not ready(broken())
    leaving = pod("p", {})
    leaving["metadata"]["deletionTimestamp"] = "2026-03-01T00:00:00Z"
    assert not ready(leaving)
    assert not ready({"metadata": {"name": "new"}})


def test_unschedulable() -> None:
    assert unschedulable([]) == ""
    assert unschedulable([pod("p", {}), broken("q", conditions=[NO_NODE])]) == "0/2 nodes are available"


PLACED = {"type": "PodScheduled", "status": "True"}
INITIALISING = {"name": "engine", "ready": False, "state": {"waiting": {"reason": "PodInitializing"}}}
RUNNING = {"name": "copy", "state": {"running": {}}}
MOUNT = Complaint("FailedMount", 'MountVolume.SetUp failed: secret "token" not found')


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"conditions": [PLACED], "containerStatuses": [CREATING]}, True),
        ({"conditions": [PLACED], "initContainerStatuses": [INITIALISING], "containerStatuses": [CREATING]}, True),
        ({"conditions": [PLACED]}, True),  # kubelet has said nothing yet
        ({"conditions": [NO_NODE]}, False),
        ({"containerStatuses": [CREATING]}, False),  # no word of a node
        ({"conditions": [PLACED], "containerStatuses": [PULL]}, False),  # it says itself what is the matter
        ({"conditions": [PLACED], "containerStatuses": [CRASH]}, False),
        ({"conditions": [PLACED], "initContainerStatuses": [RUNNING], "containerStatuses": [INITIALISING]}, False),
        ({"conditions": [PLACED], "initContainerStatuses": [FINISHED], "containerStatuses": [INITIALISING]}, False),
        ({}, False),
    ],
)
def test_creating(status: dict[str, Any], expected: bool) -> None:
    one = broken(**status)
    assert creating(one) == expected
    assert about([one]) == ([Question(key_of(one), "uid-of-p")] if expected else [])


WAITS = broken("waits", conditions=[PLACED], containerStatuses=[CREATING])


@pytest.mark.parametrize(
    ("value", "heard"),
    [(MOUNT, {"waits": MOUNT}), (Complaint(), {}), (Complaint("Reason"), {}), (None, {}), (RouterReport("x"), {})],
)
def test_complaints(value: Any, heard: dict[str, Complaint]) -> None:
    samples = {Question(key_of(WAITS), "uid-of-waits"): Sample(value, 1.0)}
    assert complaints([WAITS, broken("other")], samples) == heard


def test_events_of_another_pod_of_that_name_do_not_count() -> None:
    """A StatefulSet makes its Pods anew under the same names."""
    for version in ("", "uid-of-the-one-before"):
        assert complaints([WAITS], {Question(key_of(WAITS), version): Sample(MOUNT, 1.0)}) == {}


def test_events_of_what_starts_by_now_are_old_news() -> None:
    started = broken("waits", conditions=[PLACED], containerStatuses=[RUNNING])
    assert complaints([started], {Question(key_of(started), "uid-of-waits"): Sample(MOUNT, 1.0)}) == {}


def test_what_a_pod_waits_for() -> None:
    assert trouble([WAITS], {"waits": MOUNT}) == ("FailedMount", f"Pod waits: FailedMount: {MOUNT.message}")
    assert trouble([WAITS], {"other": MOUNT}) is None
    ended = broken("ended", containerStatuses=[ENDED])
    assert (trouble([WAITS, ended], {"waits": MOUNT}) or ("",))[0] == "OOMKilled", "the worst first"


def test_the_last_line_of_a_log() -> None:
    """kubelet keeps the last lines; the last one that says something is the reason."""
    told = {"reason": "Error", "exitCode": 2, "message": "usage: vllm\nerror: unrecognized arguments: --max\n\n  \n"}
    found = trouble([broken(containerStatuses=[CRASH | {"lastState": {"terminated": told}}])])
    assert found
    assert found[1].endswith("CrashLoopBackOff: Error (exit code 2): error: unrecognized arguments: --max")
