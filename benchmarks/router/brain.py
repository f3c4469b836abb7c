"""A router's brain, told by files what a cluster tells it: `python -m benchmarks.router.brain FOLDER PORT ENGINE`.

`document.json` in the folder is the document; Envoy's files appear there, the bootstrap last.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.router.documents import SERVICE, secrets
from benchmarks.router.processes import free_port
from tidegate.brain.admin import Admin
from tidegate.brain.endpoints import SERVICE_LABEL
from tidegate.brain.native import provided
from tidegate.brain.router import Router
from tidegate.brain.sockets import listening
from tidegate.brain.xds import Files
from tidegate.envoy.start import Start
from tidegate.names import ROUTER_CONFIG_KEY

MAP = "front"
Beside = Callable[[Router], Coroutine[Any, Any, None]]


async def nothing(_: Router) -> None:
    """Beside a brain."""


async def serve(folder: Path, port: int, engine: int, beside: Beside = nothing) -> None:
    """Until it is ended; `beside` is done while it runs."""
    start = Start(str(folder), "127.0.0.1", port, free_port(), module=provided(folder))
    router = Router(MAP, Files(start), Admin(folder / "admin.sock"))
    async with listening(router, folder), asyncio.TaskGroup() as parts:
        for name, secret in secrets().items():
            router.trust.changed(name, secret)
            for reader in (router.limits, router.caches):
                reader.secret_changed(name, secret)
        router.config_changed({MAP: {"data": {ROUTER_CONFIG_KEY: (folder / "document.json").read_text()}}})
        router.engines_changed({SERVICE: slice_of(engine)})
        for part in (router.run(), router.limits.run(), router.caches.run(), router.presence.run(), beside(router)):
            parts.create_task(part)


def slice_of(engine: int) -> dict[str, object]:
    """As a cluster tells of an engine."""
    return {
        "metadata": {"name": SERVICE, "labels": {SERVICE_LABEL: SERVICE}},
        "ports": [{"name": "http", "port": engine}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
