"""Clients that are slow, that leave, that do not read, and that come in crowds."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.envoy.hostile.conftest import Front, opened
from tests.envoy.hostile.recorder import STREAM
from tests.envoy.hostile.wire import CHUNKED, HELLO, Wire, ask, request
from tests.envoy.waiting import until
from tidegate.envoy import listener
from tidegate.envoy.start import Start

pytestmark = pytest.mark.envoy

ENDLESS = b'{"model":"chat",' + STREAM + b"}"
CROWD = 500


def under_way(front: Front) -> int:
    """Requests that Envoy counts as active."""
    reading = front.envoy.reading()
    assert reading
    return reading.active


def memory(pid: int) -> int:
    """Resident bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def test_the_timeouts_are_those_that_we_mean() -> None:
    made = listener.listener(Start("/run"), {})["filter_chains"][0]["filters"][-1]["typed_config"]
    assert (made["request_headers_timeout"], made["request_timeout"], made["stream_idle_timeout"]) == (
        "10s",
        "300s",
        "300s",
    )


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A front door with short timeouts."""
    monkeypatch.setattr(listener, "HEADERS_TIMEOUT", 1.0)
    monkeypatch.setattr(listener, "REQUEST_TIMEOUT", 2.0)
    for front in opened(tmp_path):
        yield front
        front.check()


def drip(port: int, at_once: bytes, slowly: bytes) -> float:
    """Sends the first, then a byte every 50 ms, until it is refused as too slow; after how many seconds that is."""
    begun = time.monotonic()
    with Wire(port) as wire:
        wire.send(at_once)
        reading = threading.Thread(target=wire.receive)
        reading.start()
        for byte in slowly:
            reading.join(0.05)
            if not reading.is_alive() or not wire.send(bytes([byte])):
                break
        reading.join()
        error = wire.receive()[0].error()
    assert (error["code"], error["type"]) == (408, "RequestTimeout")
    return time.monotonic() - begun


def test_slow_requests_end(hasty: Front) -> None:
    head = request().partition(b"\r\n\r\n")[0]
    slow = {
        "no headers to the end": (head, b""),
        "headers": (b"", request(HELLO, b"X-A: " + b"a" * 1_000)),
        "body": (request(b"", b"Content-Length: 1000", length=False), b" " * 1_000),
        "chunks": (request(b"", CHUNKED, length=False), b"1\r\n \r\n" * 200),
        "a body that stops": (request(HELLO, b"Content-Length: 99", length=False), b""),
    }
    found: dict[str, float] = {}
    threads = [
        threading.Thread(target=lambda k=k, d=d: found.update({k: drip(hasty.port, *d)})) for k, d in slow.items()
    ]
    for thread in threads:
        thread.start()
    assert ask(hasty.port, request()).status == 200, "others are served meanwhile"
    for thread in threads:
        thread.join(30)
    assert found.keys() == slow.keys()
    assert all(0.9 < found[name] < 8 for name in ("no headers to the end", "headers")), found
    assert all(1.9 < found[name] < 8 for name in ("body", "chunks", "a body that stops")), found
    assert hasty.arrived() == [("a", b'{"model":"served-a"}')]


def test_uploads_that_break_off_leave_nothing_behind(front: Front) -> None:
    data = request(HELLO + b" " * (1 << 20))
    with ExitStack() as stack:
        for number in range(60):
            wire = stack.enter_context(Wire(front.port))
            wire.send(data[: 1 + number * len(data) // 61])
        until(lambda: under_way(front) >= 50)
    until(lambda: under_way(front) == 0)
    assert front.arrived() == []


def test_an_engine_hears_at_once_that_a_client_has_gone(front: Front) -> None:
    engine = front.engine()
    for leave in (socket.SHUT_WR, socket.SHUT_RDWR):
        with Wire(front.port) as wire:
            wire.send(request(ENDLESS))
            wire.socket.recv(1)
            until(lambda: engine.open_streams == 1)
            wire.socket.shutdown(leave)
            until(lambda: engine.open_streams == 0)
    until(lambda: under_way(front) == 0)


def test_a_client_that_does_not_read_costs_little(front: Front) -> None:
    engine = front.engine()
    before, streamed = memory(front.envoy.pid), engine.streamed
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(Wire(front.port)).send(request(ENDLESS))
        until(lambda: engine.open_streams == 8)
        settled = [0, 1]
        while settled[-1] != settled[-2]:
            time.sleep(0.3)
            settled.append(engine.streamed)
        assert memory(front.envoy.pid) - before < 8 * 4 * listener.BUFFER
        assert settled[-1] - streamed < 8 * (32 << 20), "the engine is held up too"
        assert ask(front.port, request()).status == 200
    until(lambda: engine.open_streams == 0)


def test_a_crowd_of_idle_connections_harms_nobody(front: Front) -> None:
    before = memory(front.envoy.pid)
    with ExitStack() as stack:
        crowd = [stack.enter_context(Wire(front.port)) for _ in range(CROWD)]
        for wire in crowd[::2]:
            wire.send(request()[:30])
        assert ask(front.port, request()).status == 200
        assert memory(front.envoy.pid) - before < CROWD * (128 << 10)
        for wire in crowd[1::50]:
            wire.send(request())
            assert wire.receive()[0].status == 200


def test_large_bodies_are_not_hoarded(front: Front) -> None:
    """Each passes through the script's memory twice; what is left of it is collected."""
    body = b'{"p":"' + b"x" * (8 << 20) + b'","model":"chat"}'
    for _ in range(4):
        assert ask(front.port, request(body)).status == 200
    before = memory(front.envoy.pid)
    for _ in range(16):
        assert ask(front.port, request(body)).status == 200
        front.engine().requests.clear()
    assert memory(front.envoy.pid) - before < 6 * len(body)


def test_a_half_closed_request_is_answered_or_dropped(front: Front) -> None:
    with Wire(front.port) as wire:
        wire.send(request())
        wire.socket.shutdown(socket.SHUT_WR)
        assert [answer.status for answer in wire.receive()] in ([], [200])
    until(lambda: under_way(front) == 0)


@pytest.mark.xfail(strict=True, reason="the connection is reset after CLOSE_AFTER, 50 ms")
def test_a_client_that_still_sends_has_time_to_read_that_it_is_refused(front: Front) -> None:
    """Some, as Node's fetch when it sends a form, look for no answer once they cannot send any more."""
    with Wire(front.port) as wire:
        wire.send(request(b"x" * (1 << 20), b"Content-Length: %d" % (40 << 20), length=False))
        time.sleep(1)  # the client reads its file
        assert wire.send(b"x" * (1 << 10))
        assert wire.send(b"x" * (1 << 10))
        assert wire.receive()[0].status == 413
