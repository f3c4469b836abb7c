"""What tests of the brain's loop share: the two watches speak, and the loop runs beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.envoy.waiting import DEADLINE
from tidegate.brain.apiserver import ApiServer
from tidegate.brain.router import Router
from tidegate.brain.watch import Objects
from tidegate.contract.router_config import RouterConfig
from tidegate.names import ROUTER_CONFIG_KEY

CONFIG_MAP = "front-router"


def config_map(text: str) -> Objects:
    """What the watch of the ConfigMap knows."""
    return {CONFIG_MAP: {"metadata": {"name": CONFIG_MAP}, "data": {ROUTER_CONFIG_KEY: text}}}


def changed(wanted: RouterConfig, router: Router) -> None:
    """The watch tells of another configuration."""
    router.config_changed(config_map(wanted.text()))


def slices(*services: str, address: str = "127.0.0.1") -> Objects:
    """What the watch of the EndpointSlices knows: one engine for each Service."""
    return {
        service: {
            "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
            "ports": [{"name": "http", "port": 8000}],
            "endpoints": [{"addresses": [address]}],
        }
        for service in services
    }


@asynccontextmanager
async def api_server(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[ApiServer]:
    """A client of an API server that answers so."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api = ApiServer(site.name, None)
    try:
        yield api
    finally:
        await api.close()
        await runner.cleanup()


@asynccontextmanager
async def going(part: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs while the block does, and must not end by itself."""
    task = asyncio.create_task(part)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def looping(router: Router) -> AsyncIterator[Router]:
    """The brain's loop, for as long as the block lasts."""
    task = asyncio.gather(router.run(), router.presence.run())
    try:
        yield router
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await router.admin.close()


async def come_true(condition: Callable[[], bool]) -> None:
    """Waits."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.02)
