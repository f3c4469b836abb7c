"""The engine behind every form: `python -m benchmarks.router.engine PORT`. A message says how it answers.

[word]   what comes
------   ------------------------------------------
json     a chat completion at once
held     the same after HELD seconds
burst    a stream, all its chunks in one write
paced    a stream, a chunk each GAP seconds
echo     the request's body as it came
none     its list of models, for routers that look at engines
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from typing import cast

import httptools
import uvloop

from benchmarks.router.workloads import GAP, HELD, SERVED, compact, events, json_answer

_SERVER = b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
_MARK = re.compile(rb'"\[(json|held|burst|paced|echo)\] ')
_STREAM = _SERVER + b"content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


def _whole(body: bytes) -> bytes:
    return _SERVER + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


JSON = _whole(json_answer())
MODELS = _whole(compact({"object": "list", "data": [{"id": SERVED, "object": "model"}]}))


def _pieces() -> list[bytes]:
    pieces = [_chunk(event) for event in events()]
    return [_STREAM + pieces[0], *pieces[1:-1], pieces[-1] + b"0\r\n\r\n"]


PIECES = _pieces()
BURST = b"".join(PIECES)


class Connection(asyncio.Protocol):
    """One of Envoy's; requests come one after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._answers: dict[bytes, Callable[[], None]] = {
            b"json": lambda: self._transport.write(JSON),
            b"held": lambda: self._later(HELD, lambda: self._transport.write(JSON)),
            b"burst": lambda: self._transport.write(BURST),
            b"paced": lambda: self._piece(self._loop.time(), 0),
            b"echo": lambda: self._transport.write(_whole(b"".join(self._body))),
            b"": lambda: self._transport.write(MODELS),
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it begins."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes. Who asks for HTTP/2 first is left."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the request is whole."""
        found = _MARK.search(b"".join(self._body))
        self._answers[found[1] if found else b""]()
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
