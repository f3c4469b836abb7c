"""The brain's one loop: whenever the configuration, the engines or the clients' keys change, Envoy's files follow, and Envoy is asked whether
it took them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.brain import avoided, certificate
from tidegate.brain.admin import Admin, Reading, Silent
from tidegate.brain.cache.judge import EngineJudge
from tidegate.brain.cache.keeper import CacheKeeper
from tidegate.brain.cache.meters import CacheMeters
from tidegate.brain.decide.server import Decisions
from tidegate.brain.endpoints import Engines
from tidegate.brain.limits.keeper import Keeper
from tidegate.brain.limits.meters import LimitMeters
from tidegate.brain.load.readings import Loads
from tidegate.brain.own import HERE, Own, placed
from tidegate.brain.presence import Presence
from tidegate.brain.records.meters import Meters
from tidegate.brain.records.record import Record
from tidegate.brain.trust import Trust
from tidegate.brain.watch import Objects
from tidegate.brain.xds import Files
from tidegate.contract.router_config import READS, RouterConfig, UnreadableConfig, load
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.snapshot import Snapshot, config_of, snapshot
from tidegate.names import AVOIDED_KEY, ROUTER_CONFIG_KEY

log = logging.getLogger("tidegate.brain")

ASK_AGAIN: Final = 0.02
"""Seconds between two looks at Envoy while an update is under way."""
HOLD: Final = 5.0
"""Seconds for which a new configuration waits for the engines of its new destinations."""
READ: Final = 1.0
"""Seconds for which one waits for Secrets that it is the first to name: then whoever is not known is told to come again."""
LINGER: Final = 30.0
"""Seconds for which Envoy keeps a destination that no route names any more: requests whose bodies are still coming, and
those that are tried again, chose it before."""
MOST_SENTENCES: Final = 10
PATIENCE: Final = 10.0
"""Seconds after which an update that Envoy neither took nor refused counts as not taken."""


@dataclass(frozen=True)
class Held:
    """A configuration that waits for its engines or its Secrets, and since when (seconds of the loop's clock)."""

    config: str
    since: float


@dataclass(frozen=True)
class Offer:
    """A configuration that is under way, and how often Envoy had refused anything before it: engines that change meanwhile
    must not hide its refusal."""

    wanted: Snapshot
    config: RouterConfig
    refusals: int


@dataclass(frozen=True)
class Leaving:
    """A destination that no route names any more: its Service (empty when an earlier brain knew it), and when it goes
    (seconds of the loop's clock)."""

    service: str
    until: float


@dataclass
class Router:
    """What one router Pod knows and runs."""

    config_map: str
    files: Files
    admin: Admin
    decisions: Decisions = field(default_factory=Decisions)
    meters: Meters = field(default_factory=Meters)
    own: Own | None = None
    """The engine in whose Pod it is; None of a router with a Pod of its own."""
    config: RouterConfig | None = None
    engines: dict[str, tuple[Endpoint, ...]] | None = None
    watch: Callable[[Collection[str]], None] = lambda _: None
    """Told the Secrets that are named, before every use of them."""
    unreadable: str = ""
    """Why the newest configuration is not the one that is wanted."""
    not_taken: str = ""
    """Why Envoy does not run the one that is wanted."""
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """Envoy has what it needs to start."""
    _seen: Engines = field(default_factory=Engines)
    _chosen: avoided.Chosen = field(default_factory=avoided.Chosen)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _running: Snapshot | None = None
    _config_running: RouterConfig | None = None
    """Also of an earlier brain: its engines are kept current when Envoy refuses what is wanted now."""
    _held: Held = Held("", 0.0)
    _offer: Offer | None = None
    _refused: str = ""
    """The configuration that Envoy would not take: it is not offered again."""
    _leaving: dict[str, Leaving] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.own:
            self.engines = self._chosen.of(HERE)
        self.presence = Presence(self.admin, lambda: self._running, self._news)
        self.loads = Loads(self._changed.set)
        self.limits = Keeper(self.decisions.counting)
        self.caches = CacheKeeper(self.decisions.cache, time.time, self._judge())
        self.trust = Trust(self.files, (self.limits, self.caches), self._changed.set)
        self.limit_meters = LimitMeters(self.decisions.counting)
        self.cache_meters = CacheMeters(self.decisions.cache)
        with suppress(UnreadableConfig):
            self._config_running = placed(load(self.files.last_good()), self.own)
            self.decisions.follow(self._config_running, {})
            self._tell(self._config_running, 0.0)
            self.trust.restore(self._config_running)

    def _judge(self) -> EngineJudge:
        return EngineJudge(lambda: (self._config_running, self.engines or {}), random.random)

    def _tell(self, config: RouterConfig, now: float) -> None:
        """Envoy runs it."""
        self.limits.follow(config)
        self.limit_meters.follow(config)
        self.caches.follow(config)
        self.cache_meters.follow(config)
        self.meters.follow(config, now)

    def config_changed(self, objects: Objects) -> None:
        """The watch of the ConfigMap. A document that cannot be read leaves the last good one in force."""
        found = objects.get(self.config_map)
        if found is None:
            return
        self.engines = self._chosen.without(avoided.read(found.get("data", {}).get(AVOIDED_KEY, "")))
        try:
            self.config = placed(load(found.get("data", {}).get(ROUTER_CONFIG_KEY, "")), self.own)
            self.unreadable = ""
        except UnreadableConfig as error:
            self.unreadable = f"the configuration cannot be read: {error}"
            self.config = self.config or self._config_running
            log.error("%s", self.unreadable)
        self.trust.follow(self.config, self._config_running)
        self._changed.set()

    def engines_changed(self, objects: Objects) -> None:
        """The watch of the EndpointSlices."""
        self.engines = self._chosen.of(self._seen.by_service(objects.values()))
        self._changed.set()

    def _news(self) -> None:
        """Envoy has come to know engines, or has to forget some."""
        self._let_wait()
        self._changed.set()

    def _notice(self, engines: Mapping[str, Sequence[Endpoint]]) -> None:
        self.presence.follow(self._config_running, engines)
        self._let_wait()

    def _let_wait(self) -> None:
        self.decisions.waiting.answer(self.presence.answering(self.engines or {}))

    def heard(self, record: Record) -> None:
        """A request has ended."""
        self.meters.count(record)
        self.decisions.counting.settle(record)
        self.trust.heard(record)

    async def run(self) -> None:
        """Writes nothing before both watches have spoken: half a picture would take engines away."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self.trust.follow(self.config, self._config_running)
            self.watch(self.trust.named())
            if self.config is None or self.engines is None:
                continue
            self._notice(self.engines)
            wanted = self._made(self.config)
            if self._offer and self._offer.wanted.version != wanted.version:
                await self._overtaken(self._offer)
                self._notice(self.engines)
                wanted = self._made(self.config)
            self._keep_current()
            self._let_go()
            if not self._too_early(wanted):
                await self._follow(wanted, self.config)

    def _made(self, config: RouterConfig) -> Snapshot:
        """With the engines and the clients that there are."""
        clients, credentials, engines = self.trust.clients(config), self.trust.credentials(config), self.engines or {}
        held = self.presence.held(config, engines)
        return snapshot(config, self.presence.shown(engines), self.files.start, clients, credentials, held)

    def _too_early(self, wanted: Snapshot) -> bool:
        """Whether the new configuration would refuse requests only because not everything is known yet: waited for, but not for
        ever, since the policy may mean it."""
        if not (patience := self._patience(wanted)):
            return False
        loop = asyncio.get_running_loop()
        if self._held.config != wanted.config:
            self._held = Held(wanted.config, loop.time())
            for seconds in (READ, HOLD):
                loop.call_later(seconds, self._changed.set)
        return loop.time() < self._held.since + patience

    def _patience(self, wanted: Snapshot) -> float:
        """Seconds for which a new configuration waits.

        A new revision's Deployment and its EndpointSlices tell of the same Pods at different moments: a new destination without
        engines waits for HOLD, but for those whose requests wait themselves. Secrets that no configuration named before are read in a moment: one waits for READ.
        """
        running = self._running
        if running and running.config == wanted.config:
            return 0.0
        fresh = wanted.clusters.keys() - running.clusters.keys() if running else set()
        patient = {d.name for d in self.config.destinations if d.hold} if self.config else set()
        if not all(engines for name, engines in wanted.endpoints.items() if name in fresh - patient):
            return HOLD
        return READ if self.config and self.trust.unread(self.config) else 0.0

    def _keep_current(self) -> None:
        """The running configuration goes on with the engines, the clients and the providers' keys that there are, whatever becomes of
        the one that is wanted. Others of them are no reason for Envoy to refuse it, so nobody waits for its word."""
        if self._config_running and self.engines is not None:
            self.files.weights = self.loads.of(self._config_running, self.engines)
            now = self._made(self._config_running)
            if self._running and self._running.version != now.version:
                if not self._offer:  # providers that were told of under the same names
                    self.files.offer(now)
                self.files.switch(now)
                self._running = now
            self.files.keep(now)
            known = {name: each.service for name, each in self._leaving.items() if each.service}
            shown = self.presence.shown(self.engines)
            self.files.engines({name: shown.get(service, ()) for name, service in known.items()})
            self.decisions.follow(self._config_running, self.engines)

    def _let_go(self) -> None:
        """Envoy forgets the destinations whose time is over, unless a configuration is under way that may name them."""
        now = asyncio.get_running_loop().time()
        over = [name for name, each in self._leaving.items() if each.until <= now]
        if over and self._running and not self._offer:
            for name in over:
                del self._leaving[name]
            self.files.settle(self._running, self._leaving)

    async def _follow(self, wanted: Snapshot, config: RouterConfig) -> None:
        if self._running and self._running.version == wanted.version and not self._offer:
            self.not_taken = ""
            return
        if self._refused == wanted.config:
            self._take_back()
            return
        if self._offer is None or self._offer.wanted.version != wanted.version:
            refusals = await self._refusals()
            if refusals is None:
                return
            self._offer = Offer(wanted, config, refusals)
        clusters = self.files.offer(wanted)
        self.decisions.expect(config, self.engines or {})
        if config.limits:  # Envoy may ask about them before it says so; about those before it asks until then
            self.limits.follow(config)
        if not self.started.is_set():
            self.files.switch(wanted)
            self.files.begin()
            self.started.set()
        elif not await self._taken(self._offer, lambda reading: reading.clusters == clusters and not reading.warming):
            return
        self.files.switch(wanted)
        if await self._taken(self._offer, lambda reading: reading.routes == wanted.version):
            self._settle(self._offer)

    async def _overtaken(self, offer: Offer) -> None:
        """Something newer came. If Envoy took this one in the same moment, it is the last good one."""
        reading = await self._reading()
        if reading and reading.routes == offer.wanted.version:
            self._settle(offer)

    def _settle(self, offer: Offer) -> None:
        """Envoy runs the new configuration; what it does not name stays a little longer."""
        loop, wanted = asyncio.get_running_loop(), offer.wanted
        services = _services(self._config_running) if self._config_running else {}
        self._leaving = {
            name: self._leaving.get(name) or Leaving(services.get(name, ""), loop.time() + LINGER)
            for name in self.files.clusters()
            if name not in wanted.clusters
        }
        loop.call_later(LINGER, self._changed.set)
        self.files.settle(wanted, self._leaving)
        self.files.remember(offer.config.text())
        self._running, self._config_running = wanted, offer.config
        self.decisions.follow(offer.config, self.engines or {})
        self._notice({service: wanted.endpoints[name] for name, service in _services(offer.config).items()})
        self.files.weights = self.loads.of(offer.config, self.engines or {})
        self._tell(offer.config, loop.time())
        self._offer, self._refused, self.not_taken = None, "", ""
        log.info("Envoy runs %s", wanted.version)

    async def _refusals(self) -> int | None:
        """How often Envoy has refused anything so far. One that does not answer at the moment is asked until it does, because
        a missed answer is no 0; None when something newer came meanwhile. One that has not begun has refused nothing."""
        while self.started.is_set():
            if reading := await self._reading():
                return reading.refusals
            if self._changed.is_set():
                return None
            await asyncio.sleep(ASK_AGAIN)
        return 0

    async def _taken(self, offer: Offer, runs: Callable[[Reading], bool]) -> bool:
        """Whether Envoy runs what was written; False too when something newer came meanwhile."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while not self._changed.is_set():
            reading = await self._reading()
            if reading and reading.refusals > offer.refusals:
                self._withdraw(offer)
                return False
            if reading and runs(reading):
                return True
            if reading and loop.time() > deadline:
                self.not_taken = f"Envoy did not take the configuration within {PATIENCE:.0f} s"
            await asyncio.sleep(ASK_AGAIN)
        return False

    def _withdraw(self, offer: Offer) -> None:
        self.not_taken = "Envoy refused the configuration and goes on with the last good one"
        log.error("%s", self.not_taken)
        self._refused = offer.wanted.config
        self._take_back()

    def _take_back(self) -> None:
        """The last good configuration stands in the files again, also for an Envoy that starts anew."""
        if self._offer and self._config_running:
            self._running = self._made(self._config_running)
            self.files.withdraw(self._running, self._leaving)
            self.limits.follow(self._config_running)
        self._offer = None

    async def _reading(self) -> Reading | None:
        try:
            return await self.admin.read()
        except Silent:
            return None

    @property
    def current(self) -> bool:
        """Whether Envoy runs the newest configuration, as far as is known."""
        if not self.config or not self._running or self._offer or self.unreadable:
            return False
        return self._running.config == self.config.hash()

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is the matter with Secrets, for people."""
        if not self.config:
            return ()
        return (*self.trust.of_clients(self.config), *self.trust.of_providers(self.config))

    async def status(self) -> dict[str, Any]:
        """What the operator asks for."""
        reading = await self._reading()
        return {
            "config": config_of(reading.routes) if reading else "",
            "wanted": self.config.hash() if self.config else "",
            "error": self.unreadable or self.not_taken,
            "reads": READS,
            "native": bool(self.files.start.module),
            "keys": few(self.trust.of_clients(self.config) if self.config else ()),
            "providers": few(self.trust.of_providers(self.config) if self.config else ()),
            "certificate": self._certificate(reading.expires if reading else 0),
            "limits": self.limits.problems(),
            "caches": self.caches.stats(),
        }

    def _certificate(self, expires: float) -> str:
        return certificate.unusable(self.files.start.certificate) or certificate.over(expires, time.time())


def few(sentences: Sequence[str]) -> list[str]:
    """No more of them than a status has room for."""
    more = len(sentences) - MOST_SENTENCES
    return [*sentences[:MOST_SENTENCES], *([f"and {more} more"] if more > 0 else [])]


def _services(config: RouterConfig) -> dict[str, str]:
    """The headless Services of engines, by destination."""
    return {d.name: d.engine.service for d in config.destinations if d.engine}
