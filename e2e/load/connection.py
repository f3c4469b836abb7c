"""One HTTP/1.1 connection of the generator: as little work for each byte as Python allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

LONGEST_REASON = 200  # bytes of an error's body that are kept
END = b"data: [DONE]\n\n"
HEADERS = {b"x-tidegate-backend": "backend", b"x-tidegate-revision": "revision", b"x-engine-sim": "engine"}


@dataclass
class Answer:
    """What came back for one request. `status` is 0 as long as there is none."""

    asked: float
    """When it was sent, in seconds of the loop's clock, as all times here."""
    heard: float
    """The last byte's time."""
    first_byte: float = 0.0
    """Of the body."""
    status: int = 0
    backend: str = ""
    revision: str = ""
    engine: str = ""
    tail: bytes = b""
    """The last piece of a 200's body, all of another's."""
    error: str = ""
    """How the connection ended before the answer did."""

    @property
    def finished(self) -> bool:
        """A stream with its end mark."""
        return self.tail.endswith(END)


class Connection(asyncio.Protocol):
    """One request at a time. `router` is who answers it."""

    def __init__(self, router: str, clock: Callable[[], float]) -> None:
        self.router = router
        self.asked = 0
        """Requests so far."""
        self.answer: Answer | None = None
        """The one under way."""
        self._clock = clock
        self._done: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._keep_alive = True

    @property
    def usable(self) -> bool:
        """Another request may be sent."""
        return self._keep_alive and self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Sends a request and waits for the end of its answer, or of the connection."""
        assert self._transport is not None
        self.asked += 1
        now = self._clock()
        self.answer = answer = Answer(now, now)
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._done
        self.answer = None
        return answer

    def give_up(self, reason: str) -> None:
        """Cuts the connection."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Ends an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it begins."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, error: Exception | None) -> None:
        """Asyncio: it is gone."""
        self._transport = None
        self._end(f"{type(error).__name__}: {error}" if error else "the connection was closed")

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.give_up(f"not HTTP: {error}")

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        if self.answer and (field := HEADERS.get(name.lower())):
            setattr(self.answer, field, value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """httptools: the body follows."""
        self._keep_alive = self._parser.should_keep_alive()
        if self.answer:
            self.answer.status = self._parser.get_status_code()
            self.answer.heard = self._clock()

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body, chunked encoding undone."""
        answer = self.answer
        if answer is None:
            return
        answer.heard = self._clock()
        answer.first_byte = answer.first_byte or answer.heard
        answer.tail = body if answer.status == 200 else (answer.tail + body)[:LONGEST_REASON]

    def on_message_complete(self) -> None:
        """httptools: the answer is whole."""
        if not self._parser.should_keep_alive():
            self.close()
        self._end("")

    def _end(self, reason: str) -> None:
        if self._done is None or self._done.done():
            return
        if self.answer:
            self.answer.error = reason
        self._done.set_result(None)
