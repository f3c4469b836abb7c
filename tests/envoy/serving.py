"""Servers on a thread of their own, for tests that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.envoy.waiting import DEADLINE

T = TypeVar("T")


class Loop:
    """An event loop on a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """There, and waits for it."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(DEADLINE)

    def stop(self, *servers: asyncio.Server) -> None:
        """With everything that still runs on it."""
        self.do(_close(servers))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _close(servers: tuple[asyncio.Server, ...]) -> None:
    for server in servers:
        server.close()
    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await _end_handshakes()


async def _end_handshakes() -> None:
    """Connections whose TLS has not begun, or has failed, belong to no server, and nobody else would close them."""
    loop = asyncio.get_running_loop()
    for transport in list(getattr(loop, "_transports", {}).values()):
        if not transport.is_closing():
            transport.abort()
    await asyncio.sleep(0)  # the loop closes in its next turn what is aborted in this one
