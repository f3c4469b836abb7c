"""What nodes have left, read once for all models that ask.

Nobody watches the Pods of a whole cluster for this. Of nodes everything is read that the scheduler goes by; of Pods only those on nodes
that have the resource, node by node, from the API server's cache, which has an index for it. pydantic skips the rest while it parses.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field, ValidationError

from tidegate.cluster.client import Api, Refused, path
from tidegate.errors import Unavailable
from tidegate.plan.capacity.nodes import Nodes, nodes_of, offered

log = logging.getLogger("tidegate.capacity")

FRESH: Final = 8.0
"""Seconds for which a reading serves everybody who asks."""
SHARE: Final = 20.0
"""A reading that takes long is good for so many times as long."""
REFUSED: Final = 60.0
"""Seconds until somebody without the right to look asks again."""
AT_ONCE: Final = 8
"""Requests that are under way at the same time."""
CACHED: Final = {"resourceVersion": "0"}
BOUND: Final = "spec.nodeName={},status.phase!=Succeeded,status.phase!=Failed"


class _Metadata(BaseModel):
    name: str
    labels: dict[str, str] = {}


class _NodeSpec(BaseModel):
    taints: list[dict[str, Any]] | None = None
    unschedulable: bool = False


class _NodeStatus(BaseModel):
    allocatable: dict[str, str] = {}
    conditions: list[dict[str, Any]] = []


class _Node(BaseModel):
    metadata: _Metadata
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()


class _Container(BaseModel):
    resources: dict[str, Any] = {}
    restart_policy: str | None = Field(default=None, alias="restartPolicy")


class _PodSpec(BaseModel):
    containers: list[_Container] = []
    init_containers: list[_Container] | None = Field(default=None, alias="initContainers")
    overhead: dict[str, str] | None = None


class _Pod(BaseModel):
    spec: _PodSpec


class _Nodes(BaseModel):
    items: list[_Node] | None = None


class _Pods(BaseModel):
    items: list[_Pod] | None = None


@dataclass(frozen=True)
class _Reading:
    nodes: Nodes
    until: float
    """By the clock."""


class Inventory:
    """Reads at most once in FRESH seconds, however many ask; `clock` counts seconds."""

    def __init__(self, api: Api, clock: Callable[[], float]) -> None:
        self._api, self._clock = api, clock
        self._known: dict[str, _Reading] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Semaphore(AT_ONCE)

    async def of(self, resource: str) -> Nodes:
        """Nodes that have the resource. Raises Unavailable; without the right to look, Nodes.unknown says so."""
        async with self._locks[resource]:
            known, began = self._known.get(resource), self._clock()
            if known and began < known.until:
                return known.nodes
            try:
                found, good = await self._read(resource), FRESH
            except Refused as error:
                log.info("what nodes have left of %s: %s", resource, error)
                found, good = Nodes(unknown=f"one may not look at nodes and their Pods: {error}"), REFUSED
            now = self._clock()
            self._known[resource] = _Reading(found, now + max(good, SHARE * (now - began)))
            return found

    async def _read(self, resource: str) -> Nodes:
        nodes = [node for node in await self._nodes() if offered(node, resource)]
        names = [node["metadata"]["name"] for node in nodes]
        pods = await asyncio.gather(*(self._bound(name) for name in names))
        return nodes_of(nodes, dict(zip(names, pods, strict=True)), resource)

    async def _nodes(self) -> list[dict[str, Any]]:
        return _dumped(_Nodes, await self._api.text(path("v1", "Node", None), CACHED))

    async def _bound(self, node: str) -> list[dict[str, Any]]:
        async with self._room:
            query = {**CACHED, "fieldSelector": BOUND.format(node)}
            return _dumped(_Pods, await self._api.text(path("v1", "Pod", None), query))


def _dumped(kind: type[_Nodes | _Pods], text: bytes) -> list[dict[str, Any]]:
    try:
        return [
            item.model_dump(by_alias=True, exclude_none=True) for item in kind.model_validate_json(text).items or ()
        ]
    except ValidationError as error:
        raise Unavailable(f"a list of {kind.__name__.strip('_').lower()} that cannot be read: {error}") from error
