"""Work that nobody waits for: only so much of it at a time, and what fails is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("tidegate.brain")


class Aside:
    """Of one kind; `what` was not done, where something fails."""

    def __init__(self, what: str, most: int) -> None:
        self._what, self._most = what, most
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether no more of it is begun."""
        return len(self._tasks) >= self._most

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Soon; the caller has asked whether there is room."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def stop(self) -> None:
        """What is under way ends."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("this should not happen; %s", self._what, exc_info=error)
