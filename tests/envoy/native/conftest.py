"""Engines that break off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.native.player import Player, Stage
from tidegate.brain.native import built


@pytest.fixture(autouse=True)
def _built() -> None:
    """A machine without Rust has none, and its routers run on Lua."""
    if not built():
        pytest.skip("no native filters: make native")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Starts engines; stops them all afterwards."""
    made = Stage()
    yield made
    made.stop()


def offer(envoy: RealEnvoy, *players: Player, **changes: object) -> None:
    """The model `chat` is answered by these, in turn."""
    envoy.offer(config({"chat": {"a": 1}}, **changes), {"a": players})
