"""What a brain tells others: probes, status, metrics, and the drain that ends a router Pod without cutting a stream."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiohttp import web

from tidegate.brain.admin import Admin, Silent
from tidegate.brain.router import Router

log = logging.getLogger("tidegate.brain")

SETTLE: Final = 5.0
"""Seconds that others may take to notice that this Pod leaves; until then new connections still come."""
LOOK: Final = 0.25


class Server:
    """HTTP on the Pod's address; nothing here carries traffic or secrets."""

    def __init__(self, router: Router, admin: Admin, drain_seconds: float) -> None:
        self._router = router
        self._admin = admin
        self._drain_seconds = drain_seconds
        self._draining = False

    async def start(self, port: int) -> web.AppRunner:
        """Listens; the caller cleans up."""
        app = web.Application()
        handlers = {
            "/livez": self._livez, "/started": self._started, "/ready": self._ready,
            "/status": self._status, "/metrics": self._metrics, "/drain": self._drain,
        }  # fmt: skip
        for path, handler in handlers.items():
            app.router.add_get(path, handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, None, port).start()
        return runner

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _started(self, _: web.Request) -> web.Response:
        """Envoy may start: its files are there."""
        return _answer(self._router.started.is_set(), "no configuration yet")

    async def _ready(self, _: web.Request) -> web.Response:
        """Envoy runs some configuration, and this Pod is not on its way out."""
        if self._draining:
            return _answer(False, "draining")
        try:
            reading = await self._admin.read()
        except Silent as error:
            return _answer(False, str(error))
        return _answer(reading.live and bool(reading.routes), "Envoy has no routes yet")

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(await self._router.status())

    async def _metrics(self, _: web.Request) -> web.Response:
        try:
            return web.Response(text=await self._admin.prometheus())
        except Silent as error:
            return web.Response(status=503, text=f"{error}\n")

    async def _drain(self, _: web.Request) -> web.Response:
        """The Pod's preStop hook: answers when the last request has ended, or after the longest wait."""
        self._draining = True
        loop = asyncio.get_running_loop()
        begin = loop.time()
        try:
            await self._admin.drain()
            await asyncio.sleep(SETTLE)
            while (await self._admin.read()).active and loop.time() - begin < self._drain_seconds:
                await asyncio.sleep(LOOK)
        except Silent as error:
            log.warning("Envoy ended before it was drained: %s", error)
        return web.Response(text="drained\n")


def _answer(good: bool, why_not: str) -> web.Response:
    return web.Response(text="ok\n") if good else web.Response(status=503, text=f"{why_not}\n")
