"""Where Envoy finds its brain: Unix sockets in the folder that they share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tidegate.brain.cache import admin, answered
from tidegate.brain.records import record
from tidegate.brain.records.ear import listen
from tidegate.brain.router import Router
from tidegate.envoy import caching, decide, limiting, observe


@asynccontextmanager
async def listening(router: Router, folder: Path) -> AsyncIterator[None]:
    """As long as it is entered; what an earlier brain left is taken over."""
    decisions = router.decisions
    with decisions.counting.allowances.ledger.opened(folder / limiting.LEDGER):
        async with decisions.cache.leases.told(folder / caching.WORD), _served(router, folder):
            yield


@asynccontextmanager
async def _served(router: Router, folder: Path) -> AsyncIterator[None]:
    """After the brain's own word: who purges before it would leave an earlier brain's in force."""
    desk = router.decisions.cache
    servers = (
        await router.decisions.serve(folder / decide.SOCKET),
        await listen(folder / observe.SOCKET, router.heard, record.read),
        await desk.serve(folder / caching.CACHED_SOCKET),
        await listen(folder / caching.ANSWERS_SOCKET, desk.answered, answered.read),
    )
    asking = await admin.serve(folder / admin.SOCKET, router.caches)
    try:
        yield
    finally:
        await asking.cleanup()
        for server in servers:
            server.close()
