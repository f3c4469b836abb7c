"""What tests of the brain's loop share: the two watches speak, and the loop runs beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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
async def looping(router: Router) -> AsyncIterator[Router]:
    """The brain's loop, for as long as the block lasts."""
    task = asyncio.create_task(router.run())
    try:
        yield router
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await router.admin.close()


async def come_true(condition: Callable[[], bool]) -> None:
    """Waits."""
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)
