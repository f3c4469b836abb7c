"""Answers that Envoy may give again without asking: the brain's word on them, in a file that native/src/again/word.rs reads.

Each answer from this router's memory goes to Envoy with a lease. It holds until the answer's time is over, or the epoch is: whatever is
forgotten, purged, replaced or configured begins another one, and all leases end in that moment. A brain that hangs or has ended renews
its word no more, so none holds after HOLDS.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from struct import Struct
from typing import Final

HOLDS: Final = 1.0
"""Seconds for which a word holds."""
RENEWED: Final = 0.25
"""Seconds after which it is said anew."""
AGAIN: Final = "+"
"""Begins the ticket of an answer that Envoy has given again; no other ticket begins so."""
_WORD: Final = Struct(">QQ")
_ALL: Final = (1 << 64) - 1


class Leases:
    """Of one brain. `now` is the clock of the world, in seconds; `epoch` the first one, which no other brain of this router should have."""

    def __init__(self, now: Callable[[], float], epoch: int = 0) -> None:
        self._now, self._epoch = now, epoch
        self._file: int | None = None

    def void(self) -> None:
        """All end, before this returns."""
        self._epoch = (self._epoch + 1) & _ALL
        self._say(HOLDS)

    def lease(self, stored: float, until: float, route: str, key: bytes) -> str:
        """Of the answer with this key on this route, as native/src/filter.rs reads it. Times are seconds of the world."""
        return f"{self._epoch} {stored * 1000:.0f} {until * 1000:.0f} {AGAIN}{key.hex()} {route}"

    @asynccontextmanager
    async def told(self, path: Path) -> AsyncIterator[None]:
        """As long as it is entered. Envoy has the file open, so it is written in its place."""
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewing.cancel()
            self._say(0)
            os.close(self._file)
            self._file = None

    async def _renew(self) -> None:
        while True:
            self._say(HOLDS)
            await asyncio.sleep(RENEWED)

    def _say(self, seconds: float) -> None:
        if self._file is not None:
            os.pwrite(self._file, _WORD.pack(self._epoch, int((self._now() + seconds) * 1000)), 0)


def leased(ticket: str) -> tuple[str, bytes] | None:
    """Route and key of an answer that was given again; None for another ticket."""
    if not ticket.startswith(AGAIN):
        return None
    key, _, route = ticket[len(AGAIN) :].partition(" ")
    return route, bytes.fromhex(key)
