"""HTTP/2 with prior knowledge: the same door, also for what is too large, and for clients that send all before they read."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.envoy.hostile.conftest import Front
from tests.envoy.hostile.forms import FILE, MODEL, form
from tests.envoy.hostile.test_clients import memory
from tests.envoy.hostile.wire import CHAT
from tidegate.envoy.limits import LARGEST_BODY, MOST_DROPPED

pytestmark = pytest.mark.envoy
MIB = 1 << 20


@pytest.fixture
def http2(front: Front) -> Iterator[httpx.Client]:
    """A client that speaks nothing else."""
    with httpx.Client(base_url=front.envoy.url, http1=False, http2=True, timeout=20) as client:
        yield client


def body(size: int) -> bytes:
    """That many bytes that name a model."""
    return b'{"model":"chat","pad":"' + b"x" * (size - 25) + b'"}'


def pieces(whole: bytes) -> Iterator[bytes]:
    """The client copies what is left of a piece for each frame."""
    yield from (whole[at : at + (1 << 16)] for at in range(0, len(whole), 1 << 16))


def length(whole: bytes) -> dict[str, str]:
    """Says it beforehand."""
    return {"content-length": str(len(whole))}


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_answered(front: Front, http2: httpx.Client, announced: bool) -> None:
    def post(size: int, path: str = CHAT) -> httpx.Response:
        whole = body(size)
        return http2.post(path, content=pieces(whole), headers=length(whole) if announced else {})

    def posted(size: int) -> int:
        return post(size).status_code

    assert posted(LARGEST_BODY) == 200
    assert [posted(size) for size in (LARGEST_BODY + 1, LARGEST_BODY + MIB, 24 * MIB)] == [413] * 3
    assert posted(1_000) == 200, "on the same connection"
    assert [len(sent) for _, sent in front.arrived()] == [
        size + len("served-a") - len("chat") for size in (LARGEST_BODY, 1_000)
    ]
    large = post(17 * MIB, "/v1/messages")
    assert (large.status_code, large.json()["error"]["type"]) == (413, "request_too_large")


def test_what_is_dropped_is_not_held(front: Front, http2: httpx.Client) -> None:
    before = memory(front.envoy.pid)
    whole = body(48 * MIB)
    assert http2.post(CHAT, content=pieces(whole), headers=length(whole)).status_code == 413
    assert memory(front.envoy.pid) - before < LARGEST_BODY


def test_what_never_ends_is_cut(front: Front) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += MIB
            yield bytes(MIB)

    headers = {"content-length": str(MOST_DROPPED * 4)}
    with (
        httpx.Client(base_url=front.envoy.url, http1=False, http2=True, timeout=5) as client,
        pytest.raises(httpx.TransportError),  # this client does not always notice that its stream was reset
    ):
        client.post(CHAT, content=endless(), headers=headers)
    assert MOST_DROPPED < sent < MOST_DROPPED + 2 * LARGEST_BODY


def test_requests_are_routed_as_over_http1(front: Front, http2: httpx.Client) -> None:
    assert http2.get("/v1/models").json()["object"] == "list"
    assert http2.post(CHAT, json={"model": "chat"}).status_code == 200
    assert http2.post(CHAT + "/", content=pieces(b'{"model":"chat"}')).status_code == 200
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert http2.post("/v1/audio/transcriptions", content=form(FILE, MODEL), headers=kind).status_code == 200
    assert http2.post(CHAT, content="{}", headers={"content-type": "application/grpc"}).status_code == 415
    assert http2.post(CHAT, json={"model": "none"}).status_code == 404
    underscores = {"session_id": "1", "ot-baggage-sentry-trace_id": "1", "x_tidegate_in_model": "chat-2"}
    assert http2.post(CHAT, json={"model": "chat"}, headers=underscores).status_code == 200
    assert {name for name, _ in front.arrived()} == {"a"}
    assert len(front.arrived()) == 4
    assert not any("_" in key for request in front.engine().requests for key in request.headers)


EARLY: dict[str, tuple[str, str, dict[str, str], int]] = {
    "no such path": ("POST", "/nowhere", {}, 404),
    "a stored response": ("POST", "/v1/responses/resp_1", {}, 404),
    "another method": ("PUT", CHAT, {}, 405),
    "an own path": ("POST", "/v1/models", {}, 405),
    "gzip": ("POST", CHAT, {"content-encoding": "gzip"}, 415),
    "gRPC": ("POST", CHAT, {"content-type": "application/grpc"}, 415),
}
"""Refused by the headers alone, while the body still comes."""


@pytest.mark.parametrize("announced", [True, False])
def test_what_is_refused_by_its_headers_is_answered(front: Front, http2: httpx.Client, announced: bool) -> None:
    """A client that sends when its stream ends shows its end, or waits for ever, and not the answer."""
    for name, (method, path, headers, status) in EARLY.items():
        for size in (1_000, 3 * MIB, 15 * MIB):
            whole = body(size)
            said = headers | (length(whole) if announced else {})
            assert http2.request(method, path, content=pieces(whole), headers=said).status_code == status, (name, size)
    assert http2.post(CHAT, json={"model": "chat"}).status_code == 200, "on the same connection"
    assert len(front.arrived()) == 1
