"""The operator process: wires settings, clients, watches, queue and Lease together, and takes them down in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from secrets import token_urlsafe
from typing import Any, TypeVar

import aiohttp
import httpx
import kopf
from aiohttp import web

from tidegate import names
from tidegate.cluster import complaints, held, routers, smoke, stores
from tidegate.cluster.capacity import Inventory
from tidegate.cluster.client import Api, connect
from tidegate.cluster.events import Recorder
from tidegate.cluster.measure import measure
from tidegate.cluster.prometheus import Access, Prometheus
from tidegate.control import external_metrics, health
from tidegate.control.gather import Gatherer
from tidegate.control.informer import informer_settings
from tidegate.control.keys import owner_key
from tidegate.control.lease import Election
from tidegate.control.objects import Objects
from tidegate.control.observe import Ask, Observer
from tidegate.control.reconcile import Reconciler
from tidegate.control.scale import Scaler
from tidegate.control.scaling_metrics import ScalingMetrics
from tidegate.control.store import Store
from tidegate.control.watch import WATCHED, capabilities, fill, register, select, sweep
from tidegate.control.workqueue import WorkQueue
from tidegate.engines.page import page
from tidegate.errors import TidegateError
from tidegate.plan.plan import Manifest, ObjectKey, Question
from tidegate.settings import Settings

log = logging.getLogger("tidegate")

SWEEP = 60.0
"""Seconds between two comparisons of the store with the API server, and between two looks for optional kinds."""
READ_AGAIN = 1.0
"""Seconds after a read that the API server refused."""

Answer = TypeVar("Answer")


class Operator:
    """One operator process."""

    def __init__(self, settings: Settings, api: Api, http: httpx.AsyncClient, pages: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.api = api
        self.store = Store()
        self.queue: WorkQueue[ObjectKey] = WorkQueue(lambda key: key.namespace)
        self.metrics = health.Metrics()
        self.election = Election(api, settings.namespace, settings.identity, now)
        self.recorder = Recorder(api, lambda: len(self.queue) > 0)
        self.prometheus = prometheus_of(settings)
        self.observer = Observer(asking(api, http, self.store, self.prometheus), self.queue.add)
        self.scaler = Scaler(
            partial(page, pages), self.observer.samples, self.queue.add, time.time, partial(held.ask, pages)
        )
        self.gatherer = Gatherer(
            self.store,
            self.observer.samples,
            settings.defaults,
            partial(token_urlsafe, 32),
            scrape=settings.scrape,
            scaled=self.scaler.decision,
            hung=self.scaler.hung,
            rates=self.scaler.rates,
            gaps=self.scaler.gaps,
            loads=self.scaler.loads,
            prometheus=settings.prometheus_url,
            serves_metrics=bool(settings.external_metrics_folder),
        )
        self.reconciler = Reconciler(
            api,
            self.store,
            self.gatherer,
            self.observer,
            self.scaler,
            now,
            wake=self.queue.add,
            post=self.recorder.post,
        )
        self.watching = asyncio.Event()
        """kopf's watches have begun."""
        self.filled = asyncio.Event()
        """The store knows all that there is."""
        self.leads = asyncio.Event()
        """The Lease was ours once: whoever loses it ends, so this is never taken back."""
        self._looked_over = 0.0
        """When the store was last compared with everything that there is, by the loop's clock."""
        self.metrics.registry.register(Objects(self._objects, self.leads.is_set))
        self.metrics.registry.register(ScalingMetrics(self.scaler.figures))
        self.metrics.watch("tidegate_queue_length", lambda: len(self.queue))
        self.metrics.watch("tidegate_questions", lambda: len(self.observer))
        self.metrics.watch("tidegate_api_writes", lambda: api.writes)

    def _account(self, namespace: str, name: str) -> dict[str, Any] | None:
        return self.scaler.account(owner_key(names.MODEL_DEPLOYMENT, namespace, name))

    def _objects(self) -> Iterator[Manifest]:
        return (found for key in self.store.owners() if (found := self.store.get(key)))

    async def run(self) -> None:
        """Until SIGTERM, or until the Lease is lost."""
        stop = asyncio.Event()
        self._listen(stop)
        server = await health.serve(
            self.settings.health_port, self.metrics, lambda: True, self.filled.is_set, self._account
        )
        serving = [server, *await self._external()]
        try:
            await self._until(stop)
        finally:
            await self.election.release()
            for each in serving:
                await each.cleanup()
            if self.prometheus:
                self.prometheus.close()

    async def _external(self) -> list[web.AppRunner]:
        """The server of external metrics, where it is switched on."""
        folder = self.settings.external_metrics_folder
        return [await external_metrics.serve(folder, names.METRICS_PORT, self.scaler.newest)] if folder else []

    async def _point_at_us(self) -> None:
        """The Service of external metrics leads to who leads."""
        settings = self.settings
        if settings.external_metrics_folder:
            slice_ = external_metrics.endpoints(settings.namespace, settings.identity, settings.address)
            await answered(partial(self.api.server_side_apply, slice_))

    async def _until(self, stop: asyncio.Event) -> None:
        """Runs all parts; the first one to end ends the others."""
        parts = {
            asyncio.create_task(part, name=name)
            for name, part in (
                ("stop", self._stopped(stop)),
                ("watch", self._watch()),
                ("act", self.act()),
                ("kinds", self._notice_kinds()),
                ("sweep", self._sweep()),
                ("events", self.recorder.run()),
            )
        }
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        for part in done:
            if part.get_name() != "stop":
                log.error("%s ended; this process ends too, so that another one can begin afresh", part.get_name())
                part.result()

    def _listen(self, stop: asyncio.Event) -> None:
        for which in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(which, stop.set)

    async def _stopped(self, stop: asyncio.Event) -> None:
        """Until somebody asks this process to end. kopf takes the signals for itself when it begins: they are taken back."""
        began = asyncio.create_task(self.watching.wait())
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait((began, asked), return_when=asyncio.FIRST_COMPLETED)
        self._listen(stop)
        began.cancel()
        await asked

    async def _watch(self) -> None:
        registry = kopf.OperatorRegistry()
        register(registry, self.store, self.queue.add)
        kopf.on.login(registry=registry)(login)
        settings = informer_settings()
        select(settings)
        await kopf.operator(
            registry=registry, settings=settings, standalone=True, clusterwide=True, ready_flag=self.watching
        )

    async def act(self) -> None:
        """Waits for the Lease, then works until it is lost. Nothing but that ends it."""
        await self._fill()
        await self.election.wait_until_leading()
        self.leads.set()
        self.metrics.leading.set(1)
        log.info("%s leads", self.settings.identity)
        worker = asyncio.create_task(self.queue.run(self.settings.workers, self._pass))
        pointing = asyncio.create_task(self._point_at_us())
        try:
            self._queue_everything()
            await self.election.keep()
        finally:
            self.metrics.leading.set(0)
            for task in (worker, pointing):
                task.cancel()
            await asyncio.gather(worker, pointing, return_exceptions=True)

    async def _fill(self) -> None:
        await self.watching.wait()
        self.gatherer.capabilities = await answered(partial(capabilities, self.api))
        self._looked_over = asyncio.get_running_loop().time()
        for kind in WATCHED:
            await answered(partial(fill, self.api, self.store, *kind))
        self.filled.set()

    async def _pass(self, key: ObjectKey) -> float | None:
        try:
            with self.metrics.reconcile(key.kind):
                return await self.reconciler.run(key)
        except TidegateError as error:
            log.info("%s: %s; tried again", key, error)
            raise
        except Exception:
            log.exception("%s: this should not happen; tried again", key)
            raise

    def _queue_everything(self) -> None:
        for key in self.store.owners():
            self.queue.add(key)

    async def _notice_kinds(self) -> None:
        """Optional kinds come and go."""
        await self.filled.wait()
        while True:
            await asyncio.sleep(SWEEP)
            found = await answered(partial(capabilities, self.api))
            if found != self.gatherer.capabilities:
                self.gatherer.capabilities = found
                self._queue_everything()

    async def _sweep(self) -> None:
        """The leader's alone: a standby's picture may grow old, and is looked over first of all when it leads."""
        clock = asyncio.get_running_loop().time
        await self.leads.wait()
        while True:
            await asyncio.sleep(self._looked_over + SWEEP - clock())
            self._looked_over = clock()
            for kind in WATCHED:
                await self._compare(*kind)

    async def _compare(self, api_version: str, kind: str) -> None:
        """A kind that the API server refuses to list holds up no other."""
        try:
            await sweep(self.api, self.store, self.queue.add, api_version, kind)
        except TidegateError as error:
            log.info("sweep of %s: %s; tried again in %d s", kind, error, SWEEP)


async def answered(read: Callable[[], Awaitable[Answer]]) -> Answer:
    """One read, until the API server answers it: a refusal repeats this one and none of those before."""
    while True:
        try:
            return await read()
        except TidegateError as error:
            log.info("%s; read again in %d s", error, READ_AGAIN)
            await asyncio.sleep(READ_AGAIN)


def asking(api: Api, http: httpx.AsyncClient, store: Store, prometheus: Prometheus | None) -> Ask:
    """Who is asked what: routers, stores and engines themselves, Prometheus what it is a query for, the API server for what nodes have left,
    and for the Events of everything else."""
    inventory = Inventory(api, time.monotonic)

    async def ask(question: Question) -> Any:
        if question.query:
            return await measure(prometheus, question.query, time.time()) if prometheus else None
        if question.smoke:
            return await smoke.ask(http, question.smoke, question.address, time.time())
        if question.address:
            return await routers.ask(http, question)
        if question.about.kind == "Node":
            return await inventory.of(question.about.name)
        if question.about.kind == names.CACHE_TIER:
            owner = store.get(question.about)
            return await stores.check(api, owner) if owner else None
        return await complaints.ask(api, question)

    return ask


def prometheus_of(settings: Settings) -> Prometheus | None:
    """The one that rollouts are judged by, if there is one."""
    if not settings.prometheus_url:
        return None
    files = settings.prometheus_bearer_token_file, settings.prometheus_ca_file
    return Prometheus(Access(settings.prometheus_url.rstrip("/"), *files, settings.prometheus_timeout))


def now() -> datetime:
    """The clock of this process; decisions take it as an argument."""
    return datetime.now(UTC).replace(microsecond=0)


def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """The Pod's own account, else the kubeconfig: without kopf's slow probing of every client library. kopf's own URL is a name, which needs
    DNS to work."""
    account = kopf.login_with_service_account(**kwargs)
    return (
        replace(account, server=names.api_server_url(os.environ)) if account else kopf.login_with_kubeconfig(**kwargs)
    )


def collect_less_often() -> None:
    """Everything known of the cluster lives long and has no cycles: looking through it every 700 allocations, as Python does,
    is a fifth of this process's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


async def main(settings: Settings) -> None:
    """The `tidegate operator` command."""
    collect_less_often()
    client = await connect()
    async with client, httpx.AsyncClient(trust_env=False) as http, aiohttp.ClientSession(trust_env=False) as pages:
        await Operator(settings, Api(client), http, pages).run()
