"""Engines on a lost machine: nobody answers, and nobody refuses either."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tidegate.envoy.clusters import CONNECT_FAILURES, CONNECT_TIMEOUT

pytestmark = pytest.mark.envoy
HELLO = {"model": "chat"}


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
    seconds = []
    for _ in range(8):
        begin = time.monotonic()
        assert envoy.client.post("/v1/completions", json=HELLO).status_code == 200
        seconds.append(time.monotonic() - begin)
    slow = [each for each in seconds if each > CONNECT_TIMEOUT / 2]
    assert 1 <= len(slow) <= CONNECT_FAILURES, seconds


def test_errors_of_engines_are_no_reason(envoy: RealEnvoy, engines: Engines) -> None:
    good, bad = engines.start(), engines.start()
    bad.status = 500
    envoy.offer(config({"chat": {"a": 1}}), {"a": [good, bad]})
    codes = [envoy.client.post("/v1/completions", json=HELLO).status_code for _ in range(20)]
    assert codes.count(500) == 10, "each in turn"
