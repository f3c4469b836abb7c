"""Brings an address of the cluster's private network to a listening socket that was made outside of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket

CHUNK = 64 * 1024  # bytes


class Relay:
    """Accepts on a socket of the machine's network and dials in its own process's: both ends of a closed door."""

    def __init__(self, listener: socket.socket, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._listener = listener
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listener)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        for end in (writer, far_writer):
            end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, then end the other direction's input too; a broken connection breaks both."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
    except OSError:
        writer.transport.abort()
