"""How many engines a rollout may have beside those that there should be: every row, and what it does to the steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import model
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.rollout import Rollout
from tidegate.plan.capacity.nodes import Node, Nodes
from tidegate.plan.model.courses import course
from tidegate.plan.model.surge import Surge, footprint, nodes, question, surge
from tidegate.plan.plan import Footprint
from tidegate.plan.samples import Sample

GPU = "nvidia.com/gpu"
ENGINE = Footprint({"containers": [{"resources": {"limits": {GPU: "2"}}}]}, GPU)
SWAP = {"capacity": {"whenFull": "Swap"}}


def wanted(rollout: dict[str, Any] | None) -> ModelDeployment:
    made = model(engine={"gpus": {"count": 2}})
    made["spec"] |= {} if rollout is None else {"rollout": rollout}
    return ModelDeployment.model_validate(made)


def pod(node: str = "", said: str = "") -> dict[str, Any]:
    waits = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
    return {"spec": {"nodeName": node} if node else {}, "status": {"conditions": [waits] if said else []}}


def free(count: int) -> Nodes:
    return Nodes((Node("a", count),))


@pytest.mark.parametrize(
    ("rollout", "replicas", "decided", "left", "pods", "expected"),
    [
        (None, 4, None, free(0), [], Surge()),
        ({}, 4, None, free(0), [], Surge()),
        ({"strategy": "BlueGreen"}, 4, None, free(0), [], Surge()),
        ({"capacity": {"maxSurgeGPUs": 5}}, 4, None, free(99), [], Surge(None, 2)),
        (SWAP, 1, None, free(0), [], Surge()),
        (SWAP, 4, 1, free(99), [pod("a")], Surge(1, 1)),
        (SWAP, 4, None, free(5), [], Surge(2, 2)),
        (SWAP, 4, None, free(2), [pod("a")], Surge(2, 2)),
        (SWAP, 4, None, None, [], Surge()),
        (SWAP, 4, None, Nodes(unknown="forbidden"), [pod()], Surge()),
        (SWAP, 4, None, None, [pod("a"), pod(said="0/2 nodes")], Surge(1, 1)),
        (SWAP, 4, 9, free(0), [pod("a")], Surge(9, 9)),
        (SWAP, 4, 9, free(0), [pod("a"), pod(said="Insufficient cpu")], Surge(1, 1)),
        ({"capacity": {"whenFull": "Swap", "maxSurgeGPUs": 2}}, 4, 3, None, [], Surge(3, 1)),
        ({"strategy": "RollingUpdate", **SWAP}, 4, None, free(0), [], Surge(0, 0)),
    ],
)
def test_surge(
    rollout: Any, replicas: int, decided: int | None, left: Nodes | None, pods: list[Any], expected: Surge
) -> None:
    assert surge(wanted(rollout), replicas, decided, left, ENGINE, pods) == expected


def test_what_is_asked() -> None:
    asked = question(wanted({}))
    assert asked is not None
    assert asked.about.name == GPU
    assert nodes(wanted({}), {}) is None
    assert nodes(wanted({}), {asked: Sample(free(1), 0.0)}) == free(1)
    assert question(ModelDeployment.model_validate(model(engine={"gpus": {"count": 0}}))) is None


def test_what_a_group_needs() -> None:
    large = ModelDeployment.model_validate(
        model(engine={"gpus": {"count": 8}, "parallelism": {"tensor": 8, "pipeline": 2}})
    )
    data: dict[str, Any] = {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": []}}}}}
    assert footprint(large, data) == Footprint({"containers": []}, GPU, pods=2)


def steps(rollout: dict[str, Any], replicas: int, most: int) -> list[tuple[int, int, int | None]]:
    found = course(Rollout.model_validate(rollout), replicas, surge=most)
    return [(stage.share, stage.engines, stage.stable) for stage in found.stages]


TWO_STEPS = {"canary": {"steps": [{"traffic": "10%"}, {"traffic": "50%"}]}}


@pytest.mark.parametrize(
    ("rollout", "replicas", "most", "expected"),
    [
        (TWO_STEPS, 4, 0, [(10, 1, 3), (50, 2, 2), (67, 2, 2), (100, 3, 1), (100, 4, 0)]),
        (TWO_STEPS, 4, 1, [(10, 1, 4), (50, 2, 3), (50, 2, 3), (75, 3, 2), (100, 4, 1)]),
        (TWO_STEPS, 4, 4, [(10, 1, None), (50, 2, None)]),
        (TWO_STEPS, 2, 0, [(10, 1, 1), (50, 1, 1), (100, 1, 1), (100, 2, 0)]),
        ({"canary": {"steps": [{"traffic": "99%"}]}}, 2, 0, [(99, 1, 1), (100, 1, 1), (100, 2, 0)]),
        ({"canary": {"steps": [{"traffic": "40%"}]}}, 8, 0, [(14, 1, 7), (29, 2, 6), (40, 3, 5), (40, 4, 4)]),
        ({"strategy": "RollingUpdate"}, 2, 0, [(100, 1, 1), (100, 2, 0)]),
        ({"strategy": "RollingUpdate", "rollingUpdate": {"maxSurge": 3}}, 4, 2, [(50, 2, 4), (100, 4, 2)]),
    ],
)
def test_steps(rollout: Any, replicas: int, most: int, expected: list[tuple[int, int, int | None]]) -> None:
    assert steps(rollout, replicas, most)[: len(expected)] == expected


@given(st.integers(2, 40), st.integers(0, 50), st.lists(st.integers(1, 99), min_size=1, max_size=6, unique=True))
def test_a_swap_keeps_its_bounds(replicas: int, most: int, shares: list[int]) -> None:
    rollout = {"canary": {"steps": [{"traffic": f"{share}%"} for share in sorted(shares)]}}
    before, ready = 0, 0
    for share, new, old in steps(rollout, replicas, most):
        kept = replicas if old is None else old
        assert new + kept <= replicas + min(most, replicas)
        assert kept + ready >= replicas - (0 if most else 1)
        assert before <= share <= 100
        assert ready <= new
        assert kept or before == 100, "nobody is sent to engines that have left"
        before, ready = share, new


def test_a_reading_that_is_no_longer_answered_says_nothing() -> None:
    asked = question(wanted({}))
    assert asked
    assert nodes(wanted({}), {asked: Sample(free(0), 900.0, "no answer within 10 s", 890.0)}) is None
