"""The engine behind every form: `python -m benchmarks.router.engine PORT`. The query says how it answers.

answer   what comes
------   ------------------------------------------
json     a chat completion at once
held     the same after HELD seconds
burst    a stream, all its chunks in one write
fitting  the same, without its usage where the request does not ask for it
paced    a stream, a chunk each GAP seconds
echo     the request's body as it came
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import cast

import httptools
import uvloop

from benchmarks.router.workloads import GAP, HELD, events, json_answer

_SERVER = b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
_STREAM = _SERVER + b"content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


def _whole(body: bytes) -> bytes:
    return _SERVER + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


JSON = _whole(json_answer())


def _pieces(*, usage: bool) -> list[bytes]:
    pieces = [_chunk(event) for event in events(usage=usage)]
    return [_STREAM + pieces[0], *pieces[1:-1], pieces[-1] + b"0\r\n\r\n"]


PIECES = _pieces(usage=True)
BURST = b"".join(PIECES)
SHORTER = b"".join(_pieces(usage=False))


class Connection(asyncio.Protocol):
    """One of Envoy's; requests come one after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []
        self._answers: dict[bytes, Callable[[], None]] = {
            b"json": lambda: self._transport.write(JSON),
            b"held": lambda: self._later(HELD, lambda: self._transport.write(JSON)),
            b"burst": lambda: self._transport.write(BURST),
            b"fitting": lambda: self._transport.write(BURST if b"include_usage" in b"".join(self._body) else SHORTER),
            b"paced": lambda: self._piece(self._loop.time(), 0),
            b"echo": lambda: self._transport.write(_whole(b"".join(self._body))),
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it begins."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """httptools: path and query."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the request is whole."""
        self._answers[self._url.rpartition(b"=")[2]]()
        self._url = b""
        self._body.clear()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._loop.call_later(seconds, what)

    def _piece(self, begin: float, n: int) -> None:
        """By the clock of the stream's begin, so that a late chunk does not delay the next ones."""
        if self._transport.is_closing():
            return
        self._transport.write(PIECES[n])
        if n + 1 < len(PIECES):
            self._loop.call_at(begin + (n + 1) * GAP, self._piece, begin, n + 1)


async def serve(port: int) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
