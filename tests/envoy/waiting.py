"""Conditions are waited for, never slept on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

DEADLINE: Final = 30.0
"""Seconds: it ends what would never come, and is no measure. A machine that is busy takes several for what an idle one does at once."""
T = TypeVar("T")


def until(found: Callable[[], T | None], seconds: float = DEADLINE) -> T:
    """The first thing found that is something."""
    deadline = time.monotonic() + seconds
    while not (thing := found()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return thing
