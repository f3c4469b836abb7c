"""Something between a router and its store: slow, with TLS, or leading elsewhere."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Passes bytes on to `target`, a port, after `delay` seconds."""

    target: int
    delay: float = 0.0
    port: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        each = [asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))]
        self.tasks += each
        await asyncio.wait(each, return_when=asyncio.FIRST_COMPLETED)
        for task in each:
            task.cancel()
        for side in (back, writer):
            side.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await source.read(1 << 16):
                await asyncio.sleep(self.delay)
                sink.write(data)


@asynccontextmanager
async def between(target: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """One that serves."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in proxy.tasks:
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # sockets are closed
