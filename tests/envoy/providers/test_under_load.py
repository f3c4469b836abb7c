"""A model that is unwell in every way, under load: nobody is refused, and it answers again when it is well."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tests.envoy.waiting import until
from tests.support.authority import Authority
from tidegate.brain.native import built
from tidegate.contract.breaking import CircuitBreaker
from tidegate.contract.destinations import Destination, External
from tidegate.contract.routes import Fallback, Target
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.providers import Credentials

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]
CLIENTS = 4


@dataclass
class Tally:
    """What clients were told, and by whom."""

    statuses: Counter[int] = field(default_factory=Counter)
    backends: Counter[str] = field(default_factory=Counter)

    def more(self, backend: str, many: int = 30) -> None:
        """Waits until it has answered so many more."""
        wanted = self.backends[backend] + many
        until(lambda: self.backends[backend] >= wanted)


@contextmanager
def asking(url: str) -> Iterator[Tally]:
    """Clients that never stop."""
    tally, over = Tally(), threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=10) as client:
            while not over.is_set():
                answer = client.post("/v1/chat/completions", json={"model": "chat"})
                tally.statuses[answer.status_code] += 1
                tally.backends[answer.headers.get("x-tidegate-backend", "")] += 1

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_nobody_is_refused(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    small, hosted = engines.start(), engines.start(authority.server("DNS:localhost"))
    provider = External(host="localhost", port=hosted.port, path="/v1", model="big")
    made = config({"chat": {"small": 1}})
    fallback = Fallback(steps=((Target(destination="hosted", weight=1),),))
    wanted = made.model_copy(
        update={
            "destinations": (*made.destinations, Destination(name="hosted", backend="hosted", external=provider)),
            "routes": (made.routes[0].model_copy(update={"fallback": fallback}),),
            "retry": made.retry.model_copy(update={"attempts": 1, "codes": (429, 500, 503)}),
            "circuit_breaker": CircuitBreaker(consecutive_errors=5, eject_seconds=1),
        }
    )
    credentials = Credentials(authorities={"": envoy.files.certificates("ca", authority.pem)})
    envoy.offer(wanted, {"small": [small]}, credentials=credentials)
    with asking(envoy.url) as tally:
        tally.more("small")
        for status in (500, 429, 503):
            small.status = status
            tally.more("hosted")
            small.status = 200
            tally.more("small")
        _gone(envoy, tally, small)
    assert set(tally.statuses) == {200}, tally.statuses


def _gone(envoy: RealEnvoy, tally: Tally, small: Engine) -> None:
    """Its engine leaves, and comes back."""
    envoy.files.engines({"small.r1": ()})
    tally.more("hosted")
    envoy.files.engines({"small.r1": (Endpoint("127.0.0.1", small.port),)})
    tally.more("small")
