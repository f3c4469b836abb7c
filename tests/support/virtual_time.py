"""An event loop in which waiting takes no time: when nothing is ready, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    """Instead of waiting, moves the loop's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits for something that never happens"
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For code that neither reads nor writes anything outside of the process."""

    def __init__(self) -> None:
        self._selector_of_ours = _Jumping()
        super().__init__(self._selector_of_ours)

    def time(self) -> float:
        return self._selector_of_ours.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run, in virtual time that begins at 0."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def now() -> float:
    """Virtual seconds since the beginning."""
    return asyncio.get_running_loop().time()
