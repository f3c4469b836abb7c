"""Engines that play the same piece to each request, wrong notes included."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from enum import Enum

from tests.envoy.serving import Loop
from tests.support.ports import free_port


class Then(Enum):
    """How a piece may end before its time."""

    RESET = "the connection is reset"
    CLOSE = "the connection is closed"
    HANG = "nothing more comes"


class Gate:
    """A place in a piece where it waits for the test."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._event = loop, asyncio.Event()

    async def wait(self) -> None:
        """Until it is open."""
        await self._event.wait()

    def open(self) -> None:
        """For all, from now on."""
        self._loop.call_soon_threadsafe(self._event.set)


Step = bytes | float | Then | Gate
"""Bytes to send, seconds to wait, or one of those above."""

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
MOMENT = 0.05
"""Seconds between headers and what goes wrong, so that they are two events for who reads them."""


def chunk(data: bytes) -> bytes:
    """One of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(data: str) -> bytes:
    """A whole one, in a chunk."""
    return chunk(f"data: {data}\n\n".encode())


class Player:
    """One engine."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.port = free_port()
        self.bodies: list[bytes] = []
        self.left = threading.Event()
        """Who asked has closed the connection before the piece was over."""
        self._steps = steps

    @property
    def asked(self) -> int:
        """How often."""
        return len(self.bodies)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._request(reader) and await self._play(reader, writer):
                    pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        self.bodies.append(await reader.readexactly(int(length.partition(b":")[2])))
        return head

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        for step in self._steps:
            if isinstance(step, Then):
                return await self._break_off(step, reader, writer)
            if isinstance(step, Gate):
                await step.wait()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            else:
                writer.write(step)
                await writer.drain()
        return True

    async def _break_off(self, how: Then, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if how is Then.HANG:
            with suppress(ConnectionError):
                await reader.read()
            self.left.set()
        if how is Then.RESET:
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        return False


class Stage:
    """Engines on one thread."""

    def __init__(self) -> None:
        self._thread = Loop()
        self._servers: list[asyncio.Server] = []

    def gate(self) -> Gate:
        """A closed one."""
        return Gate(self._thread.loop)

    def player(self, *steps: Step) -> Player:
        """One more engine."""
        made = Player(steps)
        self._thread.do(self._listen(made))
        return made

    async def _listen(self, player: Player) -> None:
        self._servers.append(await asyncio.start_server(player.serve, "127.0.0.1", player.port))

    def stop(self) -> None:
        """All of them."""
        self._thread.stop(*self._servers)
