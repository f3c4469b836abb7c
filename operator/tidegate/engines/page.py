"""Reading an engine's metrics: often, of many, and no more of a page than counts."""

from __future__ import annotations

from typing import Final

import aiohttp

from tidegate import names
from tidegate.engines.metrics import Page, Unread, read

TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)
"""Seconds for one page."""
MOST: Final = 2 << 20
"""Bytes of a page: ten times those of an engine with every histogram."""


async def page(client: aiohttp.ClientSession, address: str, port: int = 0) -> Page | Unread:
    """What it says; Unread with a reason where it says nothing that can be read. `port` 0 is that of our engines."""
    named = f"[{address}]" if ":" in address else address
    url = f"http://{named}:{port or names.ENGINE_PORT}/metrics"
    try:
        async with client.get(url, timeout=TIMEOUT, allow_redirects=False) as answer:
            if answer.status != 200:
                return Unread(f"{url} answers {answer.status}")
            body = await _body(answer.content)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return Unread(f"{url}: {type(error).__name__}")
    return read(body) if len(body) <= MOST else Unread(f"{url}: more than {MOST >> 20} MiB")


async def _body(content: aiohttp.StreamReader) -> bytes:
    """All of it, whether its length is said or not; a piece beyond MOST is enough to know that it is too long."""
    found = bytearray()
    async for piece in content.iter_any():
        found += piece
        if len(found) > MOST:
            break
    return bytes(found)
