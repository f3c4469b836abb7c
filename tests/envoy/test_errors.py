"""Errors of the router itself: each in the shape that its path's clients read, and none in place of what a filter has said."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.brain.decide.test_step import asking
from tests.envoy.conftest import Engine, Engines, Listening, RealEnvoy, config
from tests.envoy.hostile.wire import CHUNKED, HELLO, Answer, ask, chunked, exchange, request
from tests.envoy.waiting import DEADLINE
from tests.support.ports import free_port
from tidegate.contract.patience import Timeouts
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import anthropic, openai, routes
from tidegate.envoy.decide import SOCKET

pytestmark = pytest.mark.envoy
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
LARGE = HELLO + b" " * (17 << 20)


@dataclass
class Mute:
    """An engine that takes requests and never answers."""

    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))

    def stop(self) -> None:
        """Ends it."""
        self._listener.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    """One of them."""
    made = Mute()
    yield made
    made.stop()


def served() -> RouterConfig:
    """Models in every state; `slow` ends after half a second, `idle` after half a second of silence."""
    wanted = config({"chat": {"a": 1}, "nobody": {}, "empty": {"none": 1}, "dead": {"dead": 1}, "mute": {"mute": 1}})
    return wanted.model_copy(update={"timeouts": Timeouts(request_seconds=0.5, idle_seconds=0)})


REFUSALS: dict[str, tuple[int, Callable[[str], bytes]]] = {
    "no body": (400, lambda path: request(b"", path=path)),
    "no model": (400, lambda path: request(b"{}", path=path)),
    "broken JSON": (400, lambda path: request(b'{"a":"', path=path)),
    "a character that no header has": (400, lambda path: request(path=path + "?\x00")),
    "a path that is none": (400, lambda path: request(path=path + "%00")),
    "a WebSocket": (403, lambda path: request(HELLO, b"Connection: upgrade", b"Upgrade: websocket", path=path)),
    "an unknown model": (404, lambda path: request(b'{"model":"none"}', path=path)),
    "an unknown path": (404, lambda path: request(path=path + "/batches")),
    "GET": (405, lambda path: request(b"", path=path, method="GET", length=False)),
    "too large": (413, lambda path: request(LARGE, path=path)),
    "too large, not said": (413, lambda path: request(chunked(LARGE), CHUNKED, path=path, length=False)),
    "gzip": (415, lambda path: request(HELLO, b"Content-Encoding: gzip", path=path)),
    "gRPC": (415, lambda path: request(HELLO, b"Content-Type: application/grpc", path=path)),
    "nobody": (503, lambda path: request(b'{"model":"nobody"}', path=path)),
    "no engine": (503, lambda path: request(b'{"model":"empty"}', path=path)),
    "an engine that is gone": (503, lambda path: request(b'{"model":"dead"}', path=path)),
    "an engine that says nothing": (504, lambda path: request(b'{"model":"mute"}', path=path)),
}
BEFORE_PATHS = ("a character that no header has",)
"""Refused before anybody has read the path."""


def test_every_error_has_the_shape_of_its_path(envoy: RealEnvoy, engines: Engines, mute: Mute) -> None:
    ends: dict[str, list[Listening]] = {
        "a": [engines.start()],
        "none": [],
        "dead": [Engine(free_port())],
        "mute": [mute],
    }
    envoy.offer(served(), ends)
    for name, (status, data) in REFUSALS.items():
        for path, kinds in (
            (CHAT, openai.KINDS),
            (MESSAGES, anthropic.KINDS),
            ("/v1/messages/count_tokens", anthropic.KINDS),
        ):
            answer = ask(envoy.port, data(path))
            assert answer.status == status, (name, answer)
            wanted = openai.KINDS if name in BEFORE_PATHS else kinds
            assert answer.error()["type"] == wanted[status], (name, path, answer)
            assert (json.loads(answer.body).get("type") == "error") == (wanted is anthropic.KINDS), name
            assert ("retry-after" in answer.headers) == (status == 503), name
            assert not any(word in answer.body for word in (b"upstream", b"envoy", b"grpc")), answer.body


GRPC = ("application/grpc", "application/grpc+json", "application/grpc+proto")
NO_GRPC = (
    "application/grpc-web", "application/grpc-web+json", "application/json+grpc", "application/GRPC", "application/connect+json",
    "application/grpc;x=y", "text/plain", "",
)  # fmt: skip


def test_a_status_is_a_status_whatever_is_sent(envoy: RealEnvoy, engines: Engines) -> None:
    """Envoy answers gRPC with 200 and headers. Engines answer none of it, so it is refused as a whole; what is not gRPC reaches
    them as it is."""
    engine = engines.start()
    envoy.offer(config({"chat": {"a": 1}, "nobody": {}}), {"a": [engine]})
    for kind in GRPC + NO_GRPC:
        for body, status in (
            ("{}", 400),
            ('{"model":"none"}', 404),
            ('{"model":"nobody"}', 503),
            ('{"model":"chat"}', 200),
        ):
            answer = envoy.client.post(CHAT, content=body, headers={"content-type": kind})
            assert answer.status_code == (415 if kind in GRPC else status), (kind, body)
            assert not any("grpc" in name for name in answer.headers)
            if answer.status_code != 200:
                assert answer.json()["error"]["code"] == answer.status_code
    assert [headers.get("content-type") for headers in engine.headers] == list(NO_GRPC)


def test_an_upload_that_stops_is_the_client_s(
    envoy: RealEnvoy, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "UPLOAD_IDLE", 0.3)
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    answer = ask(envoy.port, request(HELLO, b"Content-Length: 99", length=False))
    assert (answer.status, answer.error()["type"]) == (408, "RequestTimeout")


def test_an_engine_that_pauses_too_long(envoy: RealEnvoy, mute: Mute) -> None:
    patience = Timeouts(request_seconds=0, idle_seconds=0.3)
    envoy.offer(config({"chat": {"a": 1}}).model_copy(update={"timeouts": patience}), {"a": [mute]})
    answer = ask(envoy.port, request())
    assert (answer.status, answer.error()["type"]) == (504, "Timeout")


class Stub:
    """Somebody on the brain's socket who answers everything in the same way."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while b"\r\n\r\n" not in connection.recv(1 << 16):
                    pass
                connection.sendall(self._answer)

    def stop(self) -> None:
        """Ends it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE)


def decided(envoy: RealEnvoy, engines: Engines, said: bytes | None, path: str = CHAT) -> Answer:
    """The answer to a request about which the brain says this; None is a brain that is not there."""
    envoy.offer(asking("to-chat"), {"a": [engines.start()], "b": []})
    stub = Stub(Path(envoy.start.run_dir) / SOCKET, said) if said is not None else None
    try:
        return exchange(envoy.port, request(b'{"model":"auto"}', path=path))[0]
    finally:
        if stub:
            stub.stop()


@pytest.mark.parametrize("status", [400, 403, 404, 408, 413, 429, 431])
def test_what_a_filter_says_stays(envoy: RealEnvoy, engines: Engines, status: int) -> None:
    """A refusal with a status that Envoy gives too is not taken for Envoy's."""
    body = b'{"error":{"message":"Not that.","type":"Guardrail","param":"messages","code":%d}}' % status
    head = b"HTTP/1.1 %d Said\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: %d\r\n\r\n"
    answer = decided(envoy, engines, head % (status, len(body)) + body)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (status, body, "7")


@pytest.mark.parametrize(
    "said", [None, b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n"]
)
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_brain_that_does_not_answer_is_described(
    envoy: RealEnvoy, engines: Engines, said: bytes | None, path: str
) -> None:
    answer = decided(envoy, engines, said, path)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.error()["message"] == "The router could not decide who answers; try again."
