"""What a brain tells others: probes, status, metrics, and the drain that ends a router Pod without cutting a stream."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiohttp import web
from prometheus_client import generate_latest

from tidegate.brain import metrics
from tidegate.brain.admin import Admin, Gone, Incarnation, Silent
from tidegate.brain.router import Router
from tidegate.names import DRAIN_HEADER

log = logging.getLogger("tidegate.brain")

SETTLE: Final = 5.0
"""Seconds that others may take to notice that this Pod leaves; until then new connections still come."""
LOOK: Final = 0.25

T = TypeVar("T")


class Server:
    """HTTP on the Pod's address; nothing here carries traffic or secrets."""

    def __init__(self, router: Router, admin: Admin, drain_seconds: float, drain_key: str) -> None:
        self._router = router
        self._admin = admin
        self._drain_seconds = drain_seconds
        self._drain_key = drain_key
        self._drained: Incarnation | None = None

    async def start(self, port: int, host: str | None = None) -> web.AppRunner:
        """Listens, on every address unless one is named; the caller cleans up."""
        app = web.Application()
        handlers = {
            "/livez": self._livez, "/started": self._started, "/ready": self._ready,
            "/status": self._status, "/held": self._held, "/metrics": self._metrics, "/drain": self._drain,
        }  # fmt: skip
        for path, handler in handlers.items():
            app.router.add_get(path, handler, allow_head=False)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        return runner

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _started(self, _: web.Request) -> web.Response:
        """Envoy may start: its files are there."""
        return _answer(self._router.started.is_set(), "no configuration yet")

    async def _ready(self, _: web.Request) -> web.Response:
        """Envoy runs some configuration, and is not on its way out."""
        if self._drained and self._drained == self._admin.incarnation():
            return _answer(False, "draining")
        try:
            reading = await self._admin.read()
        except Silent:
            return _answer(False, "Envoy does not answer")
        return _answer(reading.live and bool(reading.routes), "Envoy has no routes yet")

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(await self._router.status())

    async def _held(self, _: web.Request) -> web.Response:
        """Asked often, so that Envoy is not: requests that wait for an engine, by ModelDeployment."""
        return web.json_response({"held": self._router.decisions.waiting.held})

    async def _metrics(self, _: web.Request) -> web.Response:
        try:
            text = await self._admin.prometheus()
            expires = (await self._admin.read()).expires if self._router.files.start.certificate else 0
        except Silent as error:
            return web.Response(status=503, text=f"{error}\n")
        router = self._router
        meters = (router.meters, router.limit_meters, router.cache_meters, router.caches.meters)
        own = "".join(generate_latest(each).decode() for each in meters)
        held = self._router.decisions.waiting.held
        return web.Response(text=text + metrics.of_brain(self._router.current, held, expires) + own)

    async def _drain(self, request: web.Request) -> web.Response:
        """Envoy's preStop hook: answers when the last request has ended, or after the longest wait. It takes this Envoy out of
        service for good, so that whoever asks has to show the key that stands in the hook. The next one in the same Pod is
        another: kubelet's hook runs, too, before it ends an Envoy that hangs.

        Beside an engine it is the engine's hook, which runs also before kubelet ends an engine that hangs, in a Pod that stays. So
        there this Envoy ends with its last request, which closes the connections of those who might ask again; kubelet starts
        another one where the Pod stays.
        """
        if not hmac.compare_digest(request.headers.get(DRAIN_HEADER, "").encode(), self._drain_key.encode()):
            return web.Response(status=403, text="only this Pod's preStop hook may drain it\n")
        self._drained = self._admin.incarnation()
        try:
            async with asyncio.timeout(self._drain_seconds):
                await self._until_quiet(self._drained)
            if self._router.own:
                await self._admin.quit()
        except TimeoutError:
            log.warning("requests are still under way after %.0f s", self._drain_seconds)
        except Silent as error:
            log.warning("Envoy ended before it was drained: %s", error)
        return web.Response(text="drained\n")

    async def _until_quiet(self, envoy: Incarnation | None) -> None:
        """Raises Gone when there is no such Envoy to wait for."""
        await self._insist(envoy, self._admin.drain)
        await asyncio.sleep(SETTLE)
        while (await self._insist(envoy, self._admin.read)).active:
            await asyncio.sleep(LOOK)

    async def _insist(self, envoy: Incarnation | None, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks again while Envoy is only too busy to answer: its streams live on. Raises Gone."""
        while envoy and envoy == self._admin.incarnation():
            try:
                return await ask()
            except Gone:
                raise
            except Silent as error:
                log.warning("Envoy is asked again: %s", error)
                await asyncio.sleep(LOOK)
        raise Gone("this Envoy is no more")


def _answer(good: bool, why_not: str) -> web.Response:
    return web.Response(text="ok\n") if good else web.Response(status=503, text=f"{why_not}\n")
