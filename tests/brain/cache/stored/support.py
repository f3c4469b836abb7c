"""Routers of one tier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.brain.cache.support import tier
from tests.brain.store.support import becomes
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.stored.together import Shared
from tidegate.brain.store.where import Where
from tidegate.contract.cache import Cache

SCOPE = "shop/front"
SOON = 5.0
"""Seconds: the one in which routers hear of each other's news, and what a busy machine adds."""


@asynccontextmanager
async def sharing(where: Where, cache: Cache | None = None, *, ready: bool = True) -> AsyncIterator[Shared]:
    """One router; connected, unless told otherwise."""
    made = Shared(cache or tier(), SCOPE, where, draw=lambda: 0.0)
    kept = asyncio.create_task(made.run())
    try:
        if ready:
            await becomes(lambda: usable(made))
        yield made
    finally:
        kept.cancel()
        await asyncio.gather(kept, return_exceptions=True)
        await asyncio.sleep(0)  # sockets are closed


def usable(shared: Shared) -> bool:
    """All of its lines."""
    return shared.ready and not shared.problems() and shared._feed.line.ready


async def stored(shared: Shared, *entries: Entry) -> None:
    """Until they are."""
    before = shared.meters.puts
    for each in entries:
        shared.put(each)
    await becomes(lambda: shared.meters.puts >= before + len(entries) and not shared._writing._waiting)
