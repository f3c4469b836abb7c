"""Clients write into the log: whatever they send, each request is one line of JSON that nobody has to put together from pieces."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.envoy.conftest import RealEnvoy
from tests.envoy.hostile.recorder import Recorder, Recorders
from tests.envoy.hostile.wire import HELLO, PATIENCE, request
from tests.envoy.test_observe import telling
from tests.envoy.waiting import until

pytestmark = pytest.mark.envoy
PIECE = 16 << 10
"""Bytes after which container runtimes break a line: max_container_log_line_size in
https://github.com/containerd/containerd/blob/main/docs/cri/config.md"""
WRITTEN = [
    b"", b" ", b'a"b', b"a\\b", b"a\tb", b"\xff\xfe", b"\xc3\x28", b"\xe2\x82", b"\xed\xa0\x80", "\u2028".encode(), b"\x1b[31m", b"\x7f",
    b'","status":999,"x":"', b"\\u0000", b"%REQUEST_HEADER(AUTHORIZATION)%", b"%START_TIME%", b"${jndi:ldap://x}", b"x" * 50_000,
    b"\xff" * 20_000,
]  # fmt: skip
PATHS = [b'/"\\', b"/%ff%0a%22", b"/" + b"x" * 50_000, b"/?" + b"x" * 50_000, b'/{"a":1}']


@pytest.fixture
def logging(tmp_path: Path) -> Iterator[RealEnvoy]:
    """An Envoy that logs each request."""
    engine, envoy = Recorder("served-a"), RealEnvoy(tmp_path)
    servers = Recorders(engine)
    try:
        envoy.offer(telling(log_lines=100), {"a": [engine]})
        until(lambda: envoy.stat("runtime.load_success"))
        yield envoy
    finally:
        envoy.stop()
        servers.stop()


def sent(port: int, data: bytes) -> None:
    """Waits for the first bytes of an answer; what clients wrote comes back in it, and is no text."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(data)
        assert connection.recv(12).startswith(b"HTTP/1.1 ")


def lines(envoy: RealEnvoy, count: int) -> list[dict[str, Any]]:
    """So many; each read by itself."""
    file = Path(envoy.start.run_dir) / "envoy.log"
    until(lambda: file.read_bytes().count(b"\n") >= count)
    written = file.read_bytes().splitlines()
    assert len(written) == count
    assert max(map(len, written)) < PIECE
    return [json.loads(line) for line in written]


def test_each_request_is_one_line(logging: RealEnvoy) -> None:
    for text in WRITTEN:
        for body in (HELLO, b"{"):
            sent(logging.port, request(body, b"X-Request-Id: " + text, b"Traceparent: " + text[:1000]))
    for path in PATHS:
        sent(logging.port, request(path=path))
    found = lines(logging, 2 * len(WRITTEN) + len(PATHS))
    assert {line["status"] for line in found} == {200, 400, 404}
    assert {len(line) for line in found} == {len(found[0])}, "no field more"
