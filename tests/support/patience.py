"""How long routers wait for a store and for a brain: moments, because requests wait meanwhile. A busy machine may take longer for an answer
that a test wants to see; what becomes of one that is late is for tests that say so, with the fixture `hasty`: they wait for HASTE, which is late
enough for what is not meant to be late."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Final

import pytest

from tidegate.brain.limits.store import COUNTING

PATIENCE: Final = 10.0
"""Seconds."""
HASTE: Final = 0.5
"""Seconds; a store has 50 or 100 ms in the product."""
HASTY: Final = {
    "tidegate.brain.cache.stored.together.TIMEOUT": HASTE,
    "tidegate.brain.limits.store.COUNTING": replace(COUNTING, timeout=HASTE),
}
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
    """Waits are short."""


@pytest.fixture(autouse=True)
def patient_waits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests whose conftest names it."""
    for path, value in (HASTY if "hasty" in request.fixturenames else WAITS).items():
        monkeypatch.setattr(path, value)
