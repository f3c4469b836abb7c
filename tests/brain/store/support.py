"""Waiting for what a store tells, and the Secrets that say where it is."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from tests.envoy.waiting import DEADLINE


async def becomes(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Waits until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def secret(**data: str) -> dict[str, Any]:
    """As the API server gives it."""
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}
