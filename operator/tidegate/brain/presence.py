"""Of models that may have no engine: whether Envoy has one. It is what Envoy has that counts, not what the API server says.

a Service's engines          Envoy                     then requests
--------------------------   -----------------------   ------------------------------------------------------------------
some, for a while            has them                  pass by
the first one is ready       has not read of it        wait, until Envoy says that it has; then its routes let them pass by
the last one leaves          sends to it               wait from then on: routes say so first; the engine stays in Envoy's file
                                                         until STAY later, for requests that are on the way
none                         has none                  wait
come, and a newer            has none yet              who waits waits until Envoy has one; others are answered as
  configuration lets nobody                              where nobody waits
  wait

Where another revision's engines answer the route, nobody has to wait, and the last engine leaves the file at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.brain.admin import Admin, Silent
from tidegate.brain.xds import assigned
from tidegate.contract.destinations import Destination
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import hold
from tidegate.envoy.clusters import Endpoint, stat_name
from tidegate.envoy.snapshot import Snapshot

STAY: Final = 3.0
"""Seconds: an engine that is told to leave takes requests for 5 more (plan/model/engine.py)."""
AT_MOST: Final = 10.0
"""Seconds for which one that left stays in the file though Envoy does not say that its routes hold requests."""
LOOK: Final = 0.02
"""Seconds between two questions to Envoy, while there is one."""

Engines = Mapping[str, Sequence[Endpoint]]
"""By Service."""


@dataclass
class _Last:
    """The engines that a Service had last."""

    engines: Sequence[Endpoint]
    routes: frozenset[str]
    """Whose requests have to wait before these engines may go."""
    until: float
    told: bool = False
    """Whether Envoy's routes say so."""


class Presence:
    """Of one Envoy. `running` is what it runs as far as is known; `changed` is told when requests may go on, or files have to change."""

    def __init__(self, admin: Admin, running: Callable[[], Snapshot | None], changed: Callable[[], None]) -> None:
        self._admin, self._running, self._changed = admin, running, changed
        self._destinations: Mapping[str, list[str]] = {}
        """Of Services that may have no engine, in the configuration that Envoy runs."""
        self._here: set[str] = set()
        """Services of which Envoy has an engine."""
        self._last: dict[str, _Last] = {}
        self._engines: Engines = {}
        self._begun = False
        self._doubt = asyncio.Event()

    def follow(self, config: RouterConfig | None, engines: Engines) -> None:
        """`config` is what Envoy runs, `engines` are those that are ready."""
        now = asyncio.get_running_loop().time()
        before, self._destinations = self._destinations, self._watched(config) if config else {}
        if self._begun:  # what Envoy has just begun to run, it runs with its engines
            self._here |= {s for s in self._destinations.keys() - before.keys() if engines.get(s)}
        self._here &= self._destinations.keys()
        gone = {s for s in self._destinations if self._engines.get(s) and not engines.get(s)}
        if config and gone:
            self._leave(config, gone, engines, now)
        self._last = {s: last for s, last in self._last.items() if not engines.get(s) and last.until > now}
        self._engines, self._begun = engines, True
        if self._arriving() or self._untold():
            self._doubt.set()

    def _watched(self, config: RouterConfig) -> dict[str, list[str]]:
        """Services that may have no engine; and those that might have none before, until Envoy has one: requests may still wait for it."""
        found = _by_service(config.destinations)
        may = _by_service(d for d in config.destinations if d.hold).keys()
        open_ = self._destinations.keys() - self._here
        return {service: found[service] for service in found if service in may or service in open_}

    def _leave(self, config: RouterConfig, gone: set[str], engines: Engines, now: float) -> None:
        self._here -= gone
        held = self.held(config, engines)
        for service in gone:
            routes = frozenset(r.name for r in config.routes if r.name in held and service in hold.services(r, config))
            if routes:
                self._last[service] = _Last(self._engines[service], routes, now + AT_MOST)
                asyncio.get_running_loop().call_later(AT_MOST, self._changed)

    def answering(self, engines: Engines) -> frozenset[str]:
        """The Services that can answer, as far as Envoy knows."""
        found = (service for service, some in engines.items() if some)
        return frozenset(s for s in found if s in self._here or s not in self._destinations)

    def held(self, config: RouterConfig, engines: Engines) -> frozenset[str]:
        """The routes whose requests wait."""
        return hold.held(config, self.answering(engines))

    def shown(self, engines: Engines) -> Engines:
        """What Envoy's files say: the engines, and those that were the last ones and have just left."""
        return {**engines, **{service: last.engines for service, last in self._last.items()}}

    async def run(self) -> None:
        """Asks Envoy while something is open."""
        while True:
            await self._doubt.wait()
            if await self._settled():
                self._changed()
            if not self._arriving() and not self._untold():
                self._doubt.clear()
            await asyncio.sleep(LOOK)

    def _arriving(self) -> set[str]:
        return {s for s in self._destinations if self._engines.get(s) and s not in self._here}

    def _untold(self) -> list[_Last]:
        return [last for last in self._last.values() if not last.told]

    async def _settled(self) -> bool:
        """Whether Envoy has come to know something."""
        arriving = {s: (self._destinations[s], self._engines[s]) for s in self._arriving()}
        try:
            has = await self._admin.assignments() if arriving else {}
            routes = (await self._admin.read()).routes if self._untold() else ""
        except Silent:
            return False
        come = {s for s, (names, engines) in arriving.items() if _has(has, names, engines)}
        self._here |= {s for s in come if s in self._destinations and self._engines.get(s) == arriving[s][1]}
        told = [last for last in self._untold() if self._said(routes, last.routes)]
        loop = asyncio.get_running_loop()
        for last in told:
            last.told, last.until = True, loop.time() + STAY
            loop.call_later(STAY, self._changed)
        return bool(come)

    def _said(self, routes: str, those: Collection[str]) -> bool:
        running = self._running()
        return running is not None and running.version == routes and running.held.issuperset(those)


def _by_service(those: Iterable[Destination]) -> dict[str, list[str]]:
    """Names of destinations of engines."""
    found: dict[str, list[str]] = {}
    for each in those:
        if each.engine:
            found.setdefault(each.engine.service, []).append(each.name)
    return found


def _has(known: Mapping[str, str], destinations: Collection[str], engines: Sequence[Endpoint]) -> bool:
    return all(known.get(stat_name(name)) == assigned(name, engines) for name in destinations)
