"""One front door for a file of tests: after each, the same Envoy must still serve, and no engine may have seen anything that
was not for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.hostile.recorder import Recorder, Recorders
from tests.envoy.hostile.wire import ask, request
from tidegate.contract.router_config import RouterConfig

MODELS = {"chat": "a", "chat-2": "b", "served-c": "c", "ns/big.model:8b": "b"}
"""Public model to destination; one name begins another, and one is what its engines call it too."""


@dataclass
class Front:
    """An Envoy, and the engines a, b and c behind it."""

    envoy: RealEnvoy
    engines: dict[str, Recorder]

    @property
    def port(self) -> int:
        """Of the router."""
        return self.envoy.port

    def engine(self, model: str = "chat") -> Recorder:
        """The one that answers a public model."""
        return self.engines[MODELS[model]]

    def arrived(self) -> list[tuple[str, bytes]]:
        """Engine and body of each request since the test began."""
        return [(name, r.body) for name, engine in self.engines.items() for r in engine.requests]

    def check(self) -> None:
        """The door is open, and nothing slipped through."""
        assert ask(self.port, request(method="GET", path="/healthz", length=False, body=b"")).status == 200
        try:
            for engine in self.engines.values():
                engine.check()
        finally:
            self.forget()

    def forget(self) -> None:
        """What arrived, and how engines answer."""
        for engine in self.engines.values():
            engine.status, engine.headers, engine.instead = 200, (), None
            engine.requests.clear()
            engine.broken.clear()


def routes() -> RouterConfig:
    """What the front door serves."""
    return config({**{model: {name: 1} for model, name in MODELS.items()}, "nobody": {}})


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """For a file."""
    yield from opened(tmp_path_factory.mktemp("envoy"))


def opened(folder: Path) -> Iterator[Front]:
    """Starts it, and ends it."""
    engines = {name: Recorder(f"served-{name}") for name in "abc"}
    servers = Recorders(*engines.values())
    envoy = RealEnvoy(folder)
    try:
        envoy.offer(routes(), {name: [engine] for name, engine in engines.items()})
        yield Front(envoy, engines)
        log = (folder / "envoy.log").read_text()
        assert "lua" not in log.lower(), log
    finally:
        envoy.stop()
        servers.stop()


@pytest.fixture
def front(door: Front) -> Iterator[Front]:
    """For a test."""
    before = door.envoy.pid
    yield door
    assert door.envoy.pid == before
    door.check()
