"""For how many more engines there is room: every row of the table."""

from __future__ import annotations

import pytest

from tidegate.plan.capacity.nodes import Node, Nodes, Taint
from tidegate.plan.capacity.room import gpus, node_of, room
from tidegate.plan.plan import Footprint

GPU = "nvidia.com/gpu"


def engine(count: int = 2, pods: int = 1, together: bool = False) -> Footprint:
    spec = {"containers": [{"resources": {"limits": {GPU: str(count)}}}] if count else [{}]}
    return Footprint(spec, GPU, pods, together)


def having(*free: int) -> Nodes:
    return Nodes(tuple(Node(f"n{i}", count) for i, count in enumerate(free)))


@pytest.mark.parametrize(
    ("nodes", "wanted", "pods", "engines"),
    [
        (None, engine(), [], None),
        (Nodes(unknown="forbidden"), engine(), [], None),
        (having(8), engine(0), [], None),
        (having(), engine(), [], 0),
        (having(1, 1), engine(2), [], 0),
        (having(3, 2, -1), engine(2), [], 2),
        (having(4, 4), engine(2), ["n0", ""], 3),
        (having(2), engine(2), ["", ""], 0),
        (having(4, 8), engine(2, together=True), [], 4),
        (having(4, 8), engine(2, together=True), ["n0", ""], 1),
        (having(4, 8), engine(2, together=True), ["gone"], 0),
        (having(8, 8, 8), engine(8, pods=2), [], 1),
        (having(8, 8, 8), engine(8, pods=2), [""], 1),
    ],
)
def test_room(nodes: Nodes | None, wanted: Footprint, pods: list[str], engines: int | None) -> None:
    assert room(nodes, wanted, pods) == engines


def test_only_where_its_pods_go() -> None:
    nodes = Nodes((Node("a", 4, taints=(Taint("gpu", "NoSchedule"),)), Node("b", 2), Node("c", 8, ready=False)))
    assert room(nodes, engine(2)) == 1


def test_of_a_group_and_of_a_pod() -> None:
    assert gpus(engine(8, pods=2)) == 16
    assert node_of({"spec": {"nodeName": "a"}}) == "a"
    assert node_of({}) == ""
