"""Engines that break off, and a policy with a limit for the first token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.native.player import Player, Stage
from tidegate.brain.native import built
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.attempt import retry_policy
from tidegate.envoy.types import Resource, duration


@pytest.fixture(autouse=True)
def _built() -> None:
    """A machine without Rust has none, and its routers run on Lua."""
    if not built():
        pytest.skip("no native filters: make native")


FIRST_TOKEN = 0.6
"""Seconds."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Starts engines; stops them all afterwards."""
    made = Stage()
    yield made
    made.stop()


@pytest.fixture
def first_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine has FIRST_TOKEN for it."""

    def patient(wanted: RouterConfig) -> Resource:
        return {**retry_policy(wanted), "per_try_timeout": duration(FIRST_TOKEN)}

    monkeypatch.setattr("tidegate.envoy.routes.retry_policy", patient)


def offer(envoy: RealEnvoy, *players: Player, **changes: object) -> None:
    """The model `chat` is answered by these, in turn."""
    envoy.offer(config({"chat": {"a": 1}}, **changes), {"a": players})
