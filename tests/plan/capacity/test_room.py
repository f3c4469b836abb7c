"""For how many more engines there is room: every row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.plan.capacity.nodes import Node, Nodes, Taint
from tidegate.plan.capacity.room import Engine, room

GPU = "nvidia.com/gpu"


def engine(gpus: int = 2, pods: int = 1, together: bool = False) -> Engine:
    spec = {"containers": [{"resources": {"limits": {GPU: str(gpus)}}}] if gpus else [{}]}
    return Engine(spec, GPU, pods, together)


def having(*free: int) -> Nodes:
    return Nodes(tuple(Node(f"n{i}", count) for i, count in enumerate(free)))


def own(node: str = "") -> dict[str, Any]:
    return {"spec": {"nodeName": node} if node else {}}


@pytest.mark.parametrize(
    ("nodes", "wanted", "pods", "engines"),
    [
        (None, engine(), [], None),
        (Nodes(unknown="forbidden"), engine(), [], None),
        (having(8), engine(0), [], None),
        (having(), engine(), [], 0),
        (having(1, 1), engine(2), [], 0),
        (having(3, 2, -1), engine(2), [], 2),
        (having(4, 4), engine(2), [own("n0"), own()], 3),
        (having(2), engine(2), [own(), own()], 0),
        (having(4, 8), engine(2, together=True), [], 4),
        (having(4, 8), engine(2, together=True), [own("n0"), own()], 1),
        (having(4, 8), engine(2, together=True), [own("gone")], 0),
        (having(8, 8, 8), engine(8, pods=2), [], 1),
        (having(8, 8, 8), engine(8, pods=2), [own()], 1),
    ],
)
def test_room(nodes: Nodes | None, wanted: Engine, pods: list[dict[str, Any]], engines: int | None) -> None:
    assert room(nodes, wanted, pods) == engines


def test_only_where_its_pods_go() -> None:
    nodes = Nodes((Node("a", 4, taints=(Taint("gpu", "NoSchedule"),)), Node("b", 2), Node("c", 8, ready=False)))
    assert room(nodes, engine(2)) == 1
    assert engine(8, pods=2).gpus == 16
