"""An engine that writes down every byte that reaches it, and reads requests strictly."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import httptools

from tests.envoy.hostile.forms import fields
from tests.envoy.serving import Loop
from tests.support.ports import free_port
from tidegate.envoy import paths

STREAM = b'"stream":true'
"""A body with this is answered with events until the client goes away."""
EVENT = b"data: " + b"x" * 1000 + b"\n\n"
PIECE = b"%x\r\n%s\r\n" % (len(EVENT) * 16, EVENT * 16)


ONCE = ("host", "content-length", "content-type", "x-request-id", "x-tidegate-in-model", "x-tidegate-in-splice")
"""Headers that an engine would read differently from us if they came twice."""


@dataclass
class Request:
    """One that arrived."""

    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def model(self) -> str | None:
        """What vLLM's server takes for the model; None when it refuses."""
        if self.path.partition("?")[0] not in paths.FORMS:
            return parsed_model(self.body)
        found = fields(self.headers["content-type"].encode("latin-1"), self.body) or {}
        model = found.get("model")
        return model.decode("latin-1") if model is not None else None


@dataclass
class Recorder:
    """`model` is what its engines call it. Lists are written by the thread of the servers."""

    model: str
    port: int = field(default_factory=free_port)
    status: int = 200
    headers: tuple[str, ...] = ()
    """Lines that each answer has besides."""
    instead: bytes | None = None
    """What it says in place of an answer, before it closes the connection."""
    requests: list[Request] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """What was no HTTP."""
    streamed: int = 0
    """Bytes of events that the other side took."""
    open_streams: int = 0

    def check(self) -> None:
        """Nothing arrived that is not HTTP, not for engines, or not for this one."""
        assert not self.broken, self.broken
        for request in self.requests:
            assert request.method == "POST"
            assert request.path.partition("?")[0] in paths.JSON + paths.FORMS
            assert int(request.headers["content-length"]) == len(request.body)
            assert "transfer-encoding" not in request.headers
            model = request.model()
            assert model in (None, self.model), (model, request.body[:200])


def parsed_model(body: bytes) -> str | None:
    """What vLLM's server takes for the model (Starlette hands the body's bytes to json.loads); None when it refuses."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said.get("model") if isinstance(said, dict) else None


class _Connection(asyncio.Protocol):
    def __init__(self, engine: Recorder) -> None:
        self._engine = engine
        self._now = Request()
        self._parser = httptools.HttpRequestParser(self)
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._stream: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream:
            self._stream.cancel()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._engine.broken.append(f"{error}: {data[:200]!r}")
            self._transport.close()

    def on_message_begin(self) -> None:
        self._now = Request()

    def on_url(self, url: bytes) -> None:
        self._now.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        if key in self._now.headers and key in ONCE:
            self._engine.broken.append(f"{key} twice")
        self._now.headers[key] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        self._now.body += data

    def on_message_complete(self) -> None:
        self._now.method = self._parser.get_method().decode()
        self._engine.requests.append(self._now)
        if STREAM in self._now.body:
            self._stream = asyncio.create_task(self._events())
        else:
            self._answer()

    def _answer(self) -> None:
        if self._engine.instead is not None:
            self._transport.write(self._engine.instead)
            self._transport.close()
            return
        body = b'{"object":"chat.completion"}'
        lines = [
            f"HTTP/1.1 {self._engine.status} Said",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *self._engine.headers,
        ]
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def _events(self) -> None:
        self._engine.open_streams += 1
        try:
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            while True:
                await self._may_write.wait()
                self._transport.write(PIECE)
                self._engine.streamed += len(PIECE)
                await asyncio.sleep(0)
        finally:
            self._engine.open_streams -= 1


class Recorders:
    """Servers on one thread."""

    def __init__(self, *engines: Recorder) -> None:
        self._thread = Loop()
        self._servers = [self._thread.do(self._serve(engine)) for engine in engines]

    async def _serve(self, engine: Recorder) -> asyncio.Server:
        return await self._thread.loop.create_server(lambda: _Connection(engine), "127.0.0.1", engine.port)

    def stop(self) -> None:
        """All of them."""
        self._thread.stop(*self._servers)
