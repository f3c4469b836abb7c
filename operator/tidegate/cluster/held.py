"""Asking a router how many requests it holds back: often, and of few."""

from __future__ import annotations

from typing import Final

import aiohttp

from tidegate import names
from tidegate.cluster.routers import host
from tidegate.plan.kube.reading import integer, part

TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)
"""Seconds for one answer."""


async def ask(client: aiohttp.ClientSession, address: str) -> dict[str, int] | None:
    """By ModelDeployment; None when it does not say, as one of before that holds none."""
    url = f"http://{host(address)}:{names.BRAIN_PORT}/held"
    try:
        async with client.get(url, timeout=TIMEOUT, allow_redirects=False) as answer:
            said = await answer.json() if answer.status == 200 else None
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("held"), dict):
        return None
    held = part(said, "held")
    return {model: max(0, integer(held, model)) for model in held}
