"""Many requests at once, and a look at each answer: a form that fails everything fast is an error and no record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import httptools

LONGEST_REASON = 200
"""Bytes of a wrong answer that are told."""
SPREAD = 0.01
"""Seconds over which the connections begin, so that paced streams do not all have their chunks in the same moment."""


class WrongAnswer(Exception):
    """An answer that is not what the engine said, or none."""


@dataclass(frozen=True)
class Expected:
    """What an answer must be."""

    length: int
    """Bytes of the body."""
    lines: int
    """Line ends in the body: two a chunk of a stream."""
    status: int = 200


def expected(body: bytes) -> Expected:
    """Of what the engine says."""
    return Expected(len(body), body.count(b"\n"))


class Connection(asyncio.Protocol):
    """A client's: its next request follows when the answer is whole. Does next to nothing for each byte."""

    def __init__(self) -> None:
        self.flight: Flight | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.asked = 0.0
        """When its last request began, in seconds of `perf_counter`."""
        self._length = self._lines = 0
        self._begin = b""

    def ask(self, request: bytes) -> None:
        """Sends it."""
        self._length = self._lines = 0
        self.asked = time.perf_counter()
        self.transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it begins."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, error: Exception | None) -> None:
        """Asyncio: it is gone."""
        self._fail(f"the connection ended: {error or 'closed'}")

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body, chunked encoding undone."""
        if not self._length:
            self._begin = body
        self._length += len(body)
        self._lines += body.count(b"\n")

    def on_message_complete(self) -> None:
        """httptools: the answer is whole."""
        if not self.flight:
            return
        found = Expected(self._length, self._lines, self._parser.get_status_code())
        if found.status != 200 or self.flight.wanted not in (None, found):
            self._fail(f"{found} instead of {self.flight.wanted}, beginning with {self._begin[:LONGEST_REASON]!r}")
        else:
            self.flight.answered(self, time.perf_counter() - self.asked)

    def _fail(self, reason: str) -> None:
        if self.flight:
            self.flight.fail(reason)


class Flight:
    """The same request on all connections until `seconds` have passed; what has begun then ends, so that each counts whole.

    `wanted` is what answers must be; None: of status 200. `rate`: requests a second of all connections; 0: as many as are answered."""

    def __init__(
        self,
        connections: Sequence[Connection],
        request: bytes,
        wanted: Expected | None,
        seconds: float,
        rate: float = 0.0,
    ) -> None:
        self.latencies: list[float] = []
        """Seconds from a request's first byte out to its answer's last byte in."""
        self.wanted = wanted
        self._connections, self._request, self._seconds = connections, request, seconds
        self._every = len(connections) / rate if rate else 0.0
        self._under_way = len(connections)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """At least one request on each connection. Raises WrongAnswer on the first one, TimeoutError when answers stay away."""
        loop = asyncio.get_running_loop()
        self._end = time.perf_counter() + self._seconds
        for n, connection in enumerate(self._connections):
            connection.flight = self
            loop.call_later(n * (self._every or SPREAD) / len(self._connections), connection.ask, self._request)
        try:
            await asyncio.wait_for(self._done, self._seconds + 30)
        finally:
            for connection in self._connections:
                connection.flight = None

    def answered(self, connection: Connection, seconds: float) -> None:
        """By the connection, of a right answer."""
        self.latencies.append(seconds)
        due = max(connection.asked + self._every, time.perf_counter())
        if due < self._end:
            self._next(connection, due)
            return
        self._under_way -= 1
        if not self._under_way and not self._done.done():
            self._done.set_result(None)

    def _next(self, connection: Connection, due: float) -> None:
        if not self._every:
            connection.ask(self._request)
        else:
            asyncio.get_running_loop().call_later(due - time.perf_counter(), connection.ask, self._request)

    def fail(self, reason: str) -> None:
        """By a connection."""
        if not self._done.done():
            self._done.set_exception(WrongAnswer(reason))
