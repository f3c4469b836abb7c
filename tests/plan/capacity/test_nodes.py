"""What nodes have left: every row of both tables."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.plan.capacity.nodes import UNSCHEDULABLE, Node, Taint, asked, nodes_of

GPU = "nvidia.com/gpu"


def container(gpus: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {GPU: gpus}} if gpus is not None else {}, **more}


def pod(*containers: dict[str, Any], phase: str = "Running", **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **spec}, "status": {"phase": phase}}


def node(name: str = "a", gpus: Any = "8", **spec: Any) -> dict[str, Any]:
    status = {"allocatable": {"cpu": "64", GPU: gpus}, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name, "labels": {"pool": "l4"}}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("found", "gpus"),
    [
        (pod(container("2"), container("1")), 3),
        (pod(container("2"), initContainers=[container("4"), container("1")]), 4),
        (pod(container("2"), initContainers=[container("1", restartPolicy="Always"), container("1")]), 3),
        (pod(container("1"), initContainers=[container("2", restartPolicy="Always"), container("3")]), 5),
        (pod(container("1"), initContainers=[container("3"), container("2", restartPolicy="Always")]), 3),
        (pod(container("1"), overhead={GPU: "1"}), 2),
        (pod({"resources": {"limits": {GPU: "2"}}}), 2),
        (pod(container("1"), phase="Succeeded"), 0),
        (pod(container("1"), phase="Failed"), 0),
        (pod(container()), 0),
        (pod(container("much")), 0),
        ({"spec": None}, 0),
    ],
)
def test_what_a_pod_asks_for(found: dict[str, Any], gpus: int) -> None:
    assert asked(found, GPU) == gpus


def test_what_a_node_has_left() -> None:
    found = nodes_of([node(), node("cpu", gpus="0")], {"a": [pod(container("3")), pod(container("1"))]}, GPU)
    assert found.nodes == (Node("a", 4, labels={"pool": "l4"}),)


def test_a_device_that_failed() -> None:
    assert nodes_of([node(gpus="1")], {"a": [pod(container("2"))]}, GPU).nodes[0].free == -1


def test_what_keeps_pods_away() -> None:
    taints = [{"key": "gpu", "value": "a", "effect": "NoSchedule"}, {"key": "slow", "effect": "PreferNoSchedule"}]
    [found] = nodes_of([node(taints=taints, unschedulable=True)], {}, GPU).nodes
    assert found.taints == (Taint("gpu", "NoSchedule", "a"), Taint(UNSCHEDULABLE, "NoSchedule"))


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", False)])
def test_readiness(status: str, ready: bool) -> None:
    broken = node()
    broken["status"]["conditions"] = [{"type": "Ready", "status": status}]
    assert nodes_of([broken], {}, GPU).nodes[0].ready is ready
