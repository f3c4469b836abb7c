"""HTTP/1.1 between Envoy and the decision server: requests come one after the other on a connection that is kept.

A parser in C and a protocol without streams: a framework would cost more than a decision does (docs/benchmarks.md has the microseconds).
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/ext_authz_filter
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

import httptools

from tidegate.brain.decide.step import Ask
from tidegate.names import ASK_HEADER, CACHE_HEADER, HOLD_HEADER, MODEL_HEADER

log = logging.getLogger("tidegate.brain")

BACKLOG: Final = 4096
"""Connections that are being made: Envoy makes one for each request that waits, and takes a full queue for a brain that is away."""
PHRASES: Final = {200: b"OK", 503: b"Service Unavailable"}
_MODEL: Final = MODEL_HEADER.encode()
_HOLD: Final = HOLD_HEADER.encode()
_ASK: Final = ASK_HEADER.encode()
_CACHE: Final = CACHE_HEADER.encode()
_REQUEST: Final = b"x-request-id"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 200 lets the request go on, with these headers added; any other is the client's answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encoded(self) -> bytes:
        """As bytes of HTTP/1.1."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode()
        length = b"content-length: %d\r\n\r\n" % len(self.body)
        return b"HTTP/1.1 %d %b\r\n" % (self.status, PHRASES[self.status]) + headers + length + self.body


Reply = bytes | Awaitable[bytes]
"""An answer: at once, or when it is there. One that is waited for is cancelled when its connection ends: then Envoy's client has left, or
Envoy waits no longer."""


class Promised(bytes):
    """An answer to a request of which something else is heard later. `broken` is called when its connection ends before another request comes
    on it: Envoy has stopped waiting, and nothing more will be heard."""

    broken: Callable[[], None]


def promised(answer: bytes, broken: Callable[[], None]) -> Promised:
    """The same answer."""
    made = Promised(answer)
    made.broken = broken
    return made


class Heard(NamedTuple):
    """One request."""

    headers: Mapping[bytes, bytes]
    """Names in lower case; of several of one name the last."""
    path: bytes
    body: bytes

    def said(self, name: bytes) -> str:
        """The value of a header, empty where there is none."""
        return self.headers.get(name, b"").decode("ascii", "replace")


def ask_of(heard: Heard) -> Ask:
    """What is asked of who decides."""
    said, headers = heard.said, heard.headers
    if _CACHE in headers:
        path = heard.path.decode("ascii", "replace")
        return Ask(said(_MODEL), heard.body, path=path, cache=said(_CACHE), headers=headers)
    if _ASK not in headers:
        return Ask(said(_MODEL), heard.body, said(_HOLD), _HOLD in headers)
    path = heard.path.decode("ascii", "replace")
    return Ask(said(_MODEL), heard.body, asks=said(_ASK), path=path, request=said(_REQUEST))


class Wire(asyncio.Protocol):
    """One connection of Envoy's."""

    def __init__(self, reply: Callable[[Heard], Reply]) -> None:
        self._reply = reply
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._begin()
        self._later: asyncio.Future[bytes] | None = None
        """The answer that is not there yet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone

    def connection_lost(self, _: Exception | None) -> None:
        """asyncio's. Nobody waits any longer."""
        self._transport = None
        if self._later:
            self._later.cancel()
        if self._broken:
            self._broken()

    def data_received(self, data: bytes) -> None:
        """asyncio's. What is not HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._failed(error)
        except httptools.HttpParserError:
            self._close()

    def on_message_begin(self) -> None:
        """httptools'."""
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._path = b""
        self._body = bytearray()
        self._broken: Callable[[], None] | None = None
        """What is to be done when the connection ends now."""

    def on_url(self, url: bytes) -> None:
        """httptools'. In pieces, where it comes so."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools'. Envoy writes names in lower case, and only those that it was told to."""
        self._headers[name] = value

    def on_body(self, body: bytes) -> None:
        """httptools'."""
        self._body += body

    def on_message_complete(self) -> None:
        """httptools'. A request that does not wait for the answer before it ends the connection: Envoy sends none."""
        if self._later:
            self._close()
            return
        reply = self._reply(Heard(self._headers, self._path, bytes(self._body)))
        if isinstance(reply, bytes):
            self._write(reply)
        else:
            self._later = asyncio.ensure_future(reply)
            self._later.add_done_callback(self._answer)

    def _answer(self, later: asyncio.Future[bytes]) -> None:
        """One that failed ends the connection, and Envoy tells its client to try again."""
        self._later = None
        if later.cancelled():
            self._close()
        elif error := later.exception():
            self._failed(error)
        else:
            self._write(later.result())

    def _write(self, answer: bytes) -> None:
        if self._transport:
            self._transport.write(answer)
            self._broken = answer.broken if isinstance(answer, Promised) else None
        elif isinstance(answer, Promised):
            answer.broken()

    def _failed(self, error: BaseException) -> None:
        log.error("this should not happen; the request is told to try again", exc_info=error)
        self._close()

    def _close(self) -> None:
        if self._transport:
            self._transport.close()
