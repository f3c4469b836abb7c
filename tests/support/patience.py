"""How long routers wait for a store and for a brain: moments, because requests wait meanwhile. A busy machine may take longer for an answer
that a test wants to see; what becomes of one that is late is for tests that say so, with the fixture `hasty`."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Final

import pytest

from tidegate.brain.limits.store import COUNTING

PATIENCE: Final = 10.0
"""Seconds."""
WAITS: Final = {
    "tidegate.brain.cache.stored.together.TIMEOUT": PATIENCE,
    "tidegate.brain.cache.stored.writing.TIMEOUT": PATIENCE,
    "tidegate.brain.limits.store.COUNTING": replace(COUNTING, timeout=PATIENCE),
    "tidegate.envoy.limiting.TIMEOUT": PATIENCE,
}


def wait_longer() -> None:
    """In this process, until it ends."""
    for path, value in WAITS.items():
        module, _, name = path.rpartition(".")
        setattr(import_module(module), name, value)


@pytest.fixture
def hasty() -> None:
    """Waits are those of the product."""


@pytest.fixture(autouse=True)
def patient_waits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests whose conftest names it."""
    for path, value in WAITS.items() if "hasty" not in request.fixturenames else ():
        monkeypatch.setattr(path, value)
