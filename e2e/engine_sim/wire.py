"""HTTP/1.1 as uvicorn speaks it: lower-case headers, `date` and `server` first, chunked streams, pipelining in order."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

import httptools

Header = tuple[str, str]
Headers = Sequence[Header]

_KEEP_ALIVE_S = 5.0
"""vLLM's default: idle connections are closed after this long."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Date:
    """The current `date` header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def __call__(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._text = now, formatdate(now, usegmt=True)
        return self._text


_date = _Date()


class Call:
    """One request and the means to answer it, once: `reply`, or `open_stream`, `write`..., `close_stream`."""

    def __init__(self, connection: "Connection", method: str, target: str, headers: Headers) -> None:
        self.method = method
        self.target = target
        self.path = target.partition("?")[0]
        self.headers = headers
        self.body = b""
        self.keep_alive = True
        self.started_at = time.perf_counter()
        self.status = 0
        """Of the answer; 0 as long as there is none."""
        self.sent = 0
        """The content length of the answer; 0 for streams."""
        self.on_disconnect: Callable[[], None] | None = None
        self.on_answered: Callable[[Call], None] | None = None
        """Called once, when the answer is whole or nobody waits for it any more."""
        self._connection = connection

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def reply(
        self,
        status: int,
        body: bytes,
        content_type: str | None = "application/json",
        *,
        headers: Headers = (),
        vary: bool = True,
        close: bool = False,
    ) -> None:
        """The whole answer. `vary` is what vLLM's CORS layer adds; errors that arise outside it go without."""
        described = [*headers, ("content-length", str(len(body)))]
        if content_type is not None:
            described.append(("content-type", content_type))
        self.sent = len(body)
        self._send_head(status, described, vary=vary, close=close)
        self._connection.send(body)
        self._answered()

    def open_stream(self, content_type: str) -> None:
        """Status 200 and headers of a chunked answer."""
        self._send_head(200, [("content-type", content_type)], vary=True, close=False, chunked=True)

    def write(self, data: bytes) -> None:
        """One chunk."""
        self._connection.send(b"%x\r\n%b\r\n" % (len(data), data))

    def close_stream(self) -> None:
        """The end of a chunked answer."""
        self._connection.send(b"0\r\n\r\n")
        self._answered()

    def abandoned(self) -> None:
        """The client is gone before it had its answer."""
        if self.on_disconnect is not None:
            self.on_disconnect()
        self._over()

    def _send_head(self, status: int, headers: Headers, *, vary: bool, close: bool, chunked: bool = False) -> None:
        self.status = status
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"date: {_date()}", "server: uvicorn"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += self._connection.signature
        if vary:
            lines.append("vary: Origin")
        if close or (self.header("connection") or "").lower() == "close":
            lines.append("connection: close")
            self.keep_alive = False
        if chunked:
            lines.append("transfer-encoding: chunked")
        self._connection.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def _answered(self) -> None:
        self._over()
        self._connection.answered(self)

    def _over(self) -> None:
        """Tells once that nothing follows: an answer may become whole while its request is being abandoned."""
        tell, self.on_answered, self.on_disconnect = self.on_answered, None, None
        if tell is not None:
            tell(self)


class OpenConnections:
    """The connections of one server."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()

    def add(self, connection: "Connection") -> None:
        """A client connected."""
        self._open.add(connection)
        self._none_open.clear()

    def discard(self, connection: "Connection") -> None:
        """A connection is gone."""
        self._open.discard(connection)
        if not self._open:
            self._none_open.set()

    def close_idle(self) -> None:
        """Closes the connections on which nothing is being answered."""
        for connection in list(self._open):
            connection.close_if_idle()

    def abort(self) -> None:
        """Cuts all connections."""
        for connection in list(self._open):
            connection.abort()

    async def gone(self) -> None:
        """Returns when no connection is open."""
        await self._none_open.wait()


class Connection(asyncio.Protocol):
    """A client's connection. Requests that arrive while one is being answered wait their turn. `signature` are lines of
    every answer's head."""

    def __init__(
        self, handle: Callable[[Call], None], open_connections: "OpenConnections", signature: Sequence[str] = ()
    ) -> None:
        self.signature = signature
        self._handle = handle
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._active: Call | None = None
        self._queued: deque[Call] = deque()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._url = b""
        self._headers: list[Header] = []
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the client connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._open.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Asyncio: the client is gone; what it asked for is aborted."""
        self._open.discard(self)
        self._transport = None
        self._queued.clear()
        self._stop_idle_timer()
        if self._active is not None:
            self._active.abandoned()
            self._active = None

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes of the client."""
        self._stop_idle_timer()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # uvicorn without websockets ignores the wish, too: the request itself was parsed.
            pass
        except httptools.HttpParserError:
            self._refuse_garbage()

    def send(self, data: bytes) -> None:
        """Writes to the client, if it is still there."""
        if self._transport is not None:
            self._transport.write(data)

    def answered(self, call: Call) -> None:
        """The active call has its whole answer: close, or take the next one."""
        self._active = None
        if self._transport is None:
            return
        if not call.keep_alive:
            self._transport.close()
        elif self._queued:
            # Not at once: an answer may be given in the middle of an engine step.
            self._active = self._queued.popleft()
            self._loop.call_soon(self._start, self._active)
        else:
            self._idle_timer = self._loop.call_later(_KEEP_ALIVE_S, self.close)

    def close(self) -> None:
        """Closes the connection after what was written."""
        if self._transport is not None:
            self._transport.close()

    def close_if_idle(self) -> None:
        """Closes a connection on which nothing is being answered."""
        if self._active is None:
            self.close()

    def abort(self) -> None:
        """Cuts the connection."""
        if self._transport is not None:
            self._transport.abort()

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._url = b""
        self._headers = []
        self._body = []

    def on_url(self, url: bytes) -> None:
        """httptools: a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header, spelled as it came."""
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """httptools: the body follows; a client that asked for leave to send it gets it."""
        if any(name.lower() == "expect" and value.lower() == "100-continue" for name, value in self._headers):
            self.send(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body, chunked encoding undone."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the request is whole."""
        call = Call(self, self._parser.get_method().decode(), self._url.decode("latin-1"), self._headers)
        call.body = b"".join(self._body)
        call.keep_alive = self._parser.should_keep_alive()
        if self._active is None:
            self._active = call
            self._start(call)
        else:
            self._queued.append(call)

    def _start(self, call: Call) -> None:
        if self._transport is not None:
            self._handle(call)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _refuse_garbage(self) -> None:
        text = "Invalid HTTP request received."
        self.send(
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n{text}".encode()
        )
        self.close()
