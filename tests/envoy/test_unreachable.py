"""Engines on a lost machine: nobody answers, and nobody refuses either."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tidegate.contract.patience import Timeouts
from tidegate.envoy.breaking import CONNECT_FAILURES
from tidegate.envoy.snapshot import snapshot
from tidegate.envoy.start import Start

pytestmark = pytest.mark.envoy
HELLO = {"model": "chat"}
STOPPED = 18.0
"""Seconds; longer than it takes to find out that a machine is lost."""


class Lost:
    """Its queue of connections is full, so the kernel drops further ones, as a lost machine does."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = int(self._listener.getsockname()[1])
        self._queue = [self._knock() for _ in range(3)]

    def _knock(self) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        made.connect_ex(("127.0.0.1", self.port))
        return made

    def close(self) -> None:
        """Ends it."""
        for each in [*self._queue, self._listener]:
            each.close()


@pytest.fixture
def lost() -> Iterator[Lost]:
    """One engine that is not there."""
    made = Lost()
    yield made
    made.close()


def test_an_engine_that_cannot_be_reached_is_left_alone(envoy: RealEnvoy, engines: Engines, lost: Lost) -> None:
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engines.start(), lost]})
    for _ in range(8):
        assert envoy.client.post("/v1/completions", json=HELLO).status_code == 200
    assert 1 <= envoy.stat("cluster.a.r1.upstream_cx_connect_timeout") <= CONNECT_FAILURES


def test_errors_of_engines_are_no_reason(envoy: RealEnvoy, engines: Engines) -> None:
    good, bad = engines.start(), engines.start()
    bad.status = 500
    envoy.offer(config({"chat": {"a": 1}}), {"a": [good, bad]})
    codes = [envoy.client.post("/v1/completions", json=HELLO).status_code for _ in range(20)]
    assert codes.count(500) == 10, "each in turn"


class Busy:
    """An engine that reads the first piece of a request, and no more until it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        length = int(re.findall(rb"content-length: ([0-9]+)", connection.recv(1000))[0])
        self.asked.set()
        self.go_on.wait(60)
        while length > 1000 and (piece := connection.recv(1 << 20)):
            length -= len(piece)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def close(self) -> None:
        """Ends it."""
        self.go_on.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def busy() -> Iterator[Busy]:
    """One that lives."""
    made = Busy()
    yield made
    made.close()


def test_an_engine_that_reads_nothing_for_a_while_keeps_its_request(envoy: RealEnvoy, busy: Busy) -> None:
    """With a body that no kernel buffers."""
    patient = Timeouts(request_seconds=60, idle_seconds=60)
    envoy.offer(config({"chat": {"a": 1}}, timeouts=patient), {"a": [busy]})
    threading.Timer(STOPPED, busy.go_on.set).start()
    large = b'{"model":"chat","pad":"' + b"x" * (12 << 20) + b'"}'
    assert httpx.post(f"{envoy.url}/v1/completions", content=large, timeout=60).text == "ok"
    assert busy.go_on.is_set()
    assert busy.connections == 1


@pytest.mark.parametrize(("rto_max", "option"), [(True, (44, 1000)), (False, (18, 30_000))])
def test_how_a_lost_machine_is_told(rto_max: bool, option: tuple[int, int]) -> None:
    made = snapshot(config({"chat": {"a": 1}}), {}, Start("/run", rto_max=rto_max)).clusters["a.r1"]
    [found] = made["upstream_bind_config"]["socket_options"]
    assert (found["name"], found["int_value"]) == option
