"""Nodes and their Pods are read once for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from tests.support.fake_api import FakeApi
from tidegate.cluster.capacity import FRESH, REFUSED, Inventory
from tidegate.cluster.client import Refused
from tidegate.errors import Unavailable
from tidegate.plan.capacity.nodes import Node, Nodes

GPU = "nvidia.com/gpu"


class Cluster(FakeApi):
    """Two nodes with GPUs, one without, and an engine on one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.fault: Exception | None = None

    async def text(self, url: str, query: Mapping[str, str]) -> bytes:
        self.asked.append((url, query))
        await asyncio.sleep(0)
        if self.fault:
            raise self.fault
        return orjson.dumps({"items": self.items(url, query)})

    def items(self, url: str, query: Mapping[str, str]) -> list[dict[str, Any]] | None:
        if url == "/api/v1/nodes":
            return [node("a", "8"), node("b", "4"), node("cpu")]
        engine = {"resources": {"requests": {"cpu": "1", GPU: "2"}}, "env": [{"name": "A"}]}
        first = {"metadata": {"name": "x"}, "spec": {"containers": [engine], "initContainers": [engine]}}
        return [first] if query["fieldSelector"].startswith("spec.nodeName=a,") else None


def node(name: str, gpus: str = "") -> dict[str, Any]:
    status = {
        "allocatable": {"cpu": "8"} | ({GPU: gpus} if gpus else {}),
        "conditions": [{"type": "Ready", "status": "True"}],
        "images": [{"names": ["big"]}],
    }
    return {"metadata": {"name": name, "managedFields": [{}]}, "spec": {}, "status": status}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def test_only_pods_on_nodes_that_have_the_resource_are_read(cluster: Cluster) -> None:
    found = await Inventory(cluster, Clock()).of(GPU)
    assert found == Nodes((Node("a", 6), Node("b", 4)))
    assert [query.get("fieldSelector", "").partition(",")[0] for _, query in cluster.asked] == [
        "",
        "spec.nodeName=a",
        "spec.nodeName=b",
    ]
    assert all(query["resourceVersion"] == "0" for _, query in cluster.asked)


async def test_one_reading_serves_everybody(cluster: Cluster) -> None:
    clock = Clock()
    inventory = Inventory(cluster, clock)
    await asyncio.gather(*(inventory.of(GPU) for _ in range(50)))
    assert len(cluster.asked) == 3
    clock.now = FRESH + 1
    await inventory.of(GPU)
    assert len(cluster.asked) == 6


async def test_without_the_right_to_look(cluster: Cluster) -> None:
    clock = Clock()
    cluster.fault = Refused("nodes is forbidden")
    inventory = Inventory(cluster, clock)
    assert "one may not look at nodes and their Pods: nodes is forbidden" in (await inventory.of(GPU)).unknown
    clock.now = REFUSED - 1
    await inventory.of(GPU)
    assert len(cluster.asked) == 1
    cluster.fault, clock.now = None, REFUSED + 1
    assert not (await inventory.of(GPU)).unknown


async def test_an_api_server_that_does_not_answer(cluster: Cluster) -> None:
    cluster.fault = Unavailable("gone")
    with pytest.raises(Unavailable):
        await Inventory(cluster, Clock()).of(GPU)


async def test_something_that_is_no_list(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "items", lambda *_: [{"kind": "?"}])
    with pytest.raises(Unavailable, match="a list of nodes that cannot be read"):
        await Inventory(cluster, Clock()).of(GPU)
