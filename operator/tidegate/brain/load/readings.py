"""Engines are asked how busy they are, round by round, by each router itself: what one router finds does not depend on another one, or on
the operator. Only where a policy wants it, and only those of Services that have several.

A round lasts EVERY seconds, and longer where there are so many engines that a router would read more than MOST pages a second; the engines of a
round are asked one after the other in random order, evenly over it, so that neither they nor this process get all questions at once, and
routers that began together do not ask together. A reading is old after three rounds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import aiohttp

from tidegate.brain.load import weights
from tidegate.contract.router_config import RouterConfig
from tidegate.engines.metrics import Page, Unread
from tidegate.engines.page import page
from tidegate.envoy.clusters import Endpoint

EVERY: Final = 2.0
MOST: Final = 50
ROUNDS: Final = 3
Engines = Mapping[str, Sequence[Endpoint]]
"""By Service."""
Ask = Callable[[aiohttp.ClientSession, Endpoint], Awaitable[Page | Unread]]


async def ask(client: aiohttp.ClientSession, engine: Endpoint) -> Page | Unread:
    """What it says."""
    return await page(client, engine.address, engine.port)


class Loads:
    """Of one router; `changed` is told when engines have got other weights."""

    def __init__(self, changed: Callable[[], None], asked: Ask = ask, every: float = EVERY) -> None:
        self.weights: Mapping[Endpoint, int] = {}
        """What engines have that are not to be treated as all others."""
        self._changed, self._ask, self._every = changed, asked, every
        self._engines: Engines = {}
        self._some = asyncio.Event()
        self._loads: dict[Endpoint, tuple[float, float]] = {}
        """The newest reading, and when it was taken (seconds of the loop's clock)."""
        self._moved: dict[Endpoint, float] = {}

    def of(self, config: RouterConfig, engines: Engines) -> Mapping[Endpoint, int]:
        """What the engines of a configuration have; from now on these are weighed, where it says so."""
        services = {d.engine.service for d in config.destinations if d.engine} if config.engine_load else set()
        self.follow({service: engines.get(service, ()) for service in services})
        return self.weights

    def follow(self, engines: Engines) -> None:
        """These are weighed from now on."""
        self._engines = {service: some for service, some in engines.items() if len(some) > 1}
        if self._engines:
            self._some.set()
        else:
            self._some.clear()
            self._tell({})

    async def run(self) -> None:
        """Never returns."""
        async with aiohttp.ClientSession(trust_env=False) as client:
            while True:
                await self._some.wait()
                await self._round(client)

    async def _round(self, client: aiohttp.ClientSession) -> None:
        engines = list({engine for some in self._engines.values() for engine in some})
        random.shuffle(engines)
        lasts = max(self._every, len(engines) / MOST) * random.uniform(0.9, 1.1)
        async with asyncio.TaskGroup() as group:
            for engine in engines:
                group.create_task(self._read(client, engine))
                await asyncio.sleep(lasts / len(engines))
        self._weigh(ROUNDS * lasts)

    async def _read(self, client: aiohttp.ClientSession, engine: Endpoint) -> None:
        found = await self._ask(client, engine)
        if isinstance(found, Page):
            self._loads[engine] = weights.load(found), asyncio.get_running_loop().time()

    def _weigh(self, old: float) -> None:
        since = asyncio.get_running_loop().time() - old
        self._loads = {engine: reading for engine, reading in self._loads.items() if reading[1] >= since}
        loads = {engine: load for engine, (load, _) in self._loads.items()}
        services = (weights.moved(self._moved, some, loads) for some in self._engines.values())
        self._moved = {engine: weight for some in services for engine, weight in some.items()}
        self._tell(weights.told(self._moved))

    def _tell(self, told: Mapping[Endpoint, int]) -> None:
        if told != self.weights:
            self.weights = told
            self._changed()
