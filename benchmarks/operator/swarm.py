"""Many small jobs by a few workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(workers: int, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Works on all items, `workers` at a time, in order; the first error ends it."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
