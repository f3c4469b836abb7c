"""How long one change takes from the request until its effect is seen in a watch."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.operator.objects import Object, model, policy
from benchmarks.operator.place import Place
from benchmarks.operator.seen import Seen, watching
from tidegate.cluster.client import Api, path
from tidegate.names import API_VERSION, MODEL_DEPLOYMENT, MODEL_LABEL, ROUTER_CONFIG_KEY, ROUTING_POLICY, router

PATIENCE = 600.0
"""Seconds for one change."""
PAUSE = 1.0
"""Seconds between two changes at rest."""
PROBED, OTHER, FRONT = "probed", "other", "front"


@dataclass
class Probes:
    """A namespace with two models and a policy over them, whose collections are watched."""

    api: Api
    namespace: str
    models: Seen
    deployments: Seen
    config_maps: Seen

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    async def status(self) -> float:
        """A new model -> its first status."""
        name = f"new{next(self._numbers)}"
        begin = time.monotonic()
        await self.api.create(model(name, self.namespace))
        end = await self.models.until(
            lambda seen: seen.get(name, {}).get("status", {}).get("observedGeneration"), PATIENCE
        )
        await self.api.request("DELETE", path(API_VERSION, MODEL_DEPLOYMENT, self.namespace, name))
        return end - begin

    async def child(self) -> float:
        """Another number of replicas -> the Deployment has it."""
        wanted = 1 + next(self._numbers) % 2
        if _replicas(self.deployments.objects) == wanted:
            wanted = 3 - wanted
        begin = time.monotonic()
        await self._change(MODEL_DEPLOYMENT, PROBED, {"replicas": wanted})
        return await self.deployments.until(lambda seen: _replicas(seen) == wanted, PATIENCE) - begin

    async def weight(self) -> float:
        """Another weight -> the ConfigMap has it."""
        begin = time.monotonic()
        await self.change_weight()
        return time.monotonic() - begin

    async def change_weight(self) -> str:
        """Changes a weight and waits for the ConfigMap; returns the new RouterConfig."""
        weight = 2 + next(self._numbers)
        routes = policy(FRONT, self.namespace, {PROBED: weight, OTHER: 1})["spec"]["routes"]
        await self._change(ROUTING_POLICY, FRONT, {"routes": routes})
        await self.config_maps.until(lambda seen: f'"weight":{weight}' in _config(seen), PATIENCE)
        return _config(self.config_maps.objects)

    async def _change(self, kind: str, name: str, spec: Object) -> None:
        where = path(API_VERSION, kind, self.namespace, name)
        await self.api.request("PATCH", where, None, {"spec": spec}, "application/merge-patch+json")

    async def ready(self) -> None:
        """Waits for the children of the first pass."""
        await self.deployments.until(_replicas, PATIENCE)
        await self.config_maps.until(_config, PATIENCE)


@asynccontextmanager
async def probes(place: Place, namespace: str) -> AsyncIterator[Probes]:
    """Probes in a namespace of their own, which stays."""
    await place.namespace(namespace)
    for name in (PROBED, OTHER):
        await place.api.create(model(name, namespace))
    await place.api.create(policy(FRONT, namespace, {PROBED: 1, OTHER: 1}))
    paths = (
        path(API_VERSION, MODEL_DEPLOYMENT, namespace),
        path("apps/v1", "Deployment", namespace),
        path("v1", "ConfigMap", namespace),
    )
    async with AsyncExitStack() as stack:
        seen = [await stack.enter_async_context(watching(place, each)) for each in paths]
        made = Probes(place.api, namespace, *seen)
        await made.ready()
        yield made


async def repeated(measure: Callable[[], Awaitable[float]], times: int) -> list[float]:
    """Seconds of each of several measurements; what one sets off is over before the next begins."""
    found = []
    for _ in range(times):
        found.append(await measure())
        await asyncio.sleep(PAUSE)
    return found


def _replicas(deployments: dict[str, Object]) -> Any:
    mine = (d for d in deployments.values() if d["metadata"].get("labels", {}).get(MODEL_LABEL) == PROBED)
    return next((d["spec"]["replicas"] for d in mine), None)


def _config(config_maps: dict[str, Object]) -> str:
    return str(config_maps.get(router(FRONT), {}).get("data", {}).get(ROUTER_CONFIG_KEY, ""))
