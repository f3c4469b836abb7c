"""A router at its limits: probes are answered, memory is bounded, others are served."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.waiting import until
from tidegate.envoy import bootstrap, routes

pytestmark = pytest.mark.envoy
MIB = 1 << 20
LIMIT = 256 * MIB


@pytest.fixture
def small(tmp_path: Path, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealEnvoy]:
    """An Envoy that may take 256 MiB, and waits for the rest of an upload a third as long as ours."""
    monkeypatch.setattr(routes, "UPLOAD_IDLE", 5.0)
    made = RealEnvoy(tmp_path)
    made.begin_with(replace(made.start, memory=LIMIT))
    try:
        made.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
        yield made
    finally:
        made.stop()


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def hoard(port: int, stack: ExitStack, size: int) -> socket.socket:
    """An upload that is a byte short."""
    sent = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {size + 1}\r\n\r\n"
    with suppress(OSError):  # it may be ended: that is the point
        sent.sendall(head.encode() + b'{"model":"chat","x":"' + b"a" * (size - 21))
    return sent


def test_hoarders_go_and_others_are_served(small: RealEnvoy) -> None:
    """32 uploads of 15 MiB, each a byte short, are twice what there is."""
    with ExitStack() as stack:
        for _ in range(32):
            hoard(small.port, stack, 15 * MIB)
        assert resident(small.pid) < 1.5 * LIMIT
        assert httpx.get(f"http://127.0.0.1:{small.probe_port}/healthz").text == "ok\n", "at the limit, too"
        deadline = time.monotonic() + 40
        while small.client.post("/v1/chat/completions", json={"model": "chat"}).status_code != 200:
            assert time.monotonic() < deadline, "nobody is served"
            time.sleep(0.2)


def closed(connection: socket.socket) -> bool:
    """By the other side."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_at_the_limit_of_connections_probes_are_answered(
    envoy: RealEnvoy, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "MOST_CONNECTIONS", 10)
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", envoy.port), 10)) for _ in range(20)]
        until(lambda: sum(map(closed, crowd)) >= 10)
        for _ in range(20):
            assert httpx.get(f"http://127.0.0.1:{envoy.start.probe_port}/healthz").status_code == 200
    until(lambda: served(envoy))


def served(envoy: RealEnvoy) -> bool:
    """Whether a newcomer is."""
    with suppress(httpx.TransportError):
        return httpx.post(f"{envoy.url}/v1/chat/completions", json={"model": "chat"}).status_code == 200
    return False


def test_probes_are_answered_beside_the_traffic(envoy: RealEnvoy, engines: Engines) -> None:
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    probe = f"http://127.0.0.1:{envoy.probe_port}"
    assert httpx.get(f"{probe}/healthz").text == "ok\n"
    assert httpx.get(f"{probe}/v1/models").status_code == 404
