"""The store in which all routers of a policy count together: asked by one script for all limits of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any, Final

from tidegate.brain.limits.windows import Charge, Verdict
from tidegate.brain.store.line import Line, Use
from tidegate.brain.store.scripts import Script, script
from tidegate.brain.store.where import Where

ADMIT: Final = script("tidegate.brain.limits", "admit")
SETTLE: Final = script("tidegate.brain.limits", "settle")
LIFE: Final = script("tidegate.brain.limits", "life")
COUNTING: Final = Use("limits are counted", (ADMIT, SETTLE, LIFE))


def verdicts(told: Sequence[int]) -> list[Verdict]:
    """What `admit` was told, counter by counter."""
    return [Verdict(*told[i : i + 4]) for i in range(0, len(told), 4)]


class Store:
    """One store. `back` is called when it answers again; `draw` gives numbers from 0 to 1."""

    def __init__(self, where: Where, back: Callable[[], None], draw: Callable[[], float]) -> None:
        self.where = where
        self._line = Line(where, COUNTING, draw, back)

    @property
    def ready(self) -> bool:
        """Whether it may be asked."""
        return self._line.ready

    @property
    def trouble(self) -> str:
        """Why it is away; empty while it is not."""
        return self._line.trouble

    def admit(self, charges: Sequence[Charge]) -> asyncio.Future[list[int]]:
        """Counts a request in all of its counters, or in none: `verdicts` of what comes. Fails with Away."""
        return self._run(ADMIT, charges, [number for c in charges for number in (c.amount, c.cost, c.slice_ms)])

    def settle(self, parts: Sequence[tuple[str, int, int, int]]) -> asyncio.Future[int]:
        """Of counters the slice, how much more, and milliseconds of a slice. Fails with Away."""
        return self._run(SETTLE, parts, [number for part in parts for number in part[1:]])

    def life(self, key: str) -> asyncio.Future[bytes]:
        """Of the counts that it holds: it has another one when it has lost them. Fails with Away."""
        return self._line.run_script(LIFE, [key], [token_hex(8)])

    def _run(self, what: Script, keyed: Sequence[Sequence[Any]], numbers: Sequence[int]) -> asyncio.Future[Any]:
        return self._line.run_script(what, [each[0] for each in keyed], numbers)

    async def run(self) -> None:
        """Keeps it connected; until it is cancelled."""
        await self._line.run()
