"""A collection as it changes: a watch that says when something became true."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from benchmarks.operator.place import Place

Object = dict[str, Any]


class Seen:
    """Objects by name, as the newest event has them."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self._news = asyncio.Condition()

    async def until(self, condition: Callable[[dict[str, Object]], Any], seconds: float) -> float:
        """The monotonic time at which an event made the condition true. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: condition(self.objects))
        return time.monotonic()

    async def tell(self, event: Object) -> None:
        """Takes an event of the watch."""
        name = event["object"]["metadata"]["name"]
        async with self._news:
            self.objects |= {name: event["object"]}
            if event["type"] == "DELETED":
                del self.objects[name]
            self._news.notify_all()


@asynccontextmanager
async def watching(place: Place, path: str) -> AsyncIterator[Seen]:
    """Watches a collection while the block runs."""
    settings = place.cluster.settings
    tls = ssl.create_default_context(cafile=str(settings.pki / "ca.crt"))
    tls.load_cert_chain(settings.pki / "admin.crt", settings.pki / "admin.key")
    server = f"https://127.0.0.1:{settings.api_port_file.read_text()}"
    seen = Seen()
    async with (
        httpx.AsyncClient(base_url=server, verify=tls, timeout=httpx.Timeout(10, read=None)) as client,
        client.stream("GET", path, params={"watch": "1"}) as answer,
    ):
        answer.raise_for_status()
        reader = asyncio.create_task(_read(answer, seen))
        try:
            yield seen
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader


async def _read(answer: httpx.Response, seen: Seen) -> None:
    async for line in answer.aiter_lines():
        await seen.tell(json.loads(line))
