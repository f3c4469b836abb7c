"""Answers that Envoy may give again without asking: the brain's word on them, in a file that native/src/again/word.rs reads.

Each answer from this router's memory goes to Envoy with a lease. It holds until the answer's time is over, or the epoch is: whatever is
forgotten, purged, replaced or configured begins another one, and all leases end in that moment. A brain that hangs or has ended renews
its word no more, so none holds after HOLDS; one that cannot write its word takes it back.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from struct import Struct
from typing import Final

from tidegate.brain.cache.entry import Entry
from tidegate.envoy.caching import AGAIN_TICKET

log = logging.getLogger("tidegate.brain")

HOLDS: Final = 1.0
"""Seconds for which a word holds."""
RENEWED: Final = 0.25
"""Seconds after which it is said anew."""
MOST: Final = 1 << 14
"""Answers that are on lease: as many as Envoy keeps (envoy/caching.py), at 1 KiB each. One more, and all begin anew."""
_WORD: Final = Struct(">QQ")
_ALL: Final = (1 << 64) - 1


class Leases:
    """Of one brain. `now` is the clock of the world, in seconds; `epoch` the first one, which no other brain of this router should have."""

    def __init__(self, now: Callable[[], float], epoch: int = 0) -> None:
        self._now, self._epoch = now, epoch
        self._file: int | None = None
        self._troubled = False
        self._leased: dict[bytes, tuple[Entry, int]] = {}
        """By key: entries without their texts, and how long their answers are."""

    def void(self) -> None:
        """All end, before this returns."""
        self._epoch = (self._epoch + 1) & _ALL
        self._leased.clear()
        self._say(HOLDS)

    def replaced(self, entry: Entry) -> None:
        """It is the answer from now on: another one with its key is given no more, also where this router's memory has let that go."""
        before, length = self._leased.get(entry.key, (entry, len(entry.answer)))
        if (before.stored, length) != (entry.stored, len(entry.answer)):
            self.void()

    def of(self, key: bytes) -> Entry | None:
        """What is on lease, without its texts."""
        found = self._leased.get(key)
        return found[0] if found else None

    def lease(self, entry: Entry, until: float, route: str) -> str:
        """Of an answer on this route, as native/src/filter.rs reads it. `until` is in seconds of the world."""
        if len(self._leased) >= MOST and entry.key not in self._leased:
            self.void()
        self._leased[entry.key] = replace(entry, question="", answer=b""), len(entry.answer)
        return f"{self._epoch} {entry.stored * 1000:.0f} {until * 1000:.0f} {AGAIN_TICKET}{entry.key.hex()} {route}"

    @asynccontextmanager
    async def told(self, path: Path) -> AsyncIterator[None]:
        """As long as it is entered. Envoy has the file open, so it is written in its place. Without it Envoy asks each time."""
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        except OSError as error:
            log.warning("Envoy gives no answers again: %s", error)
        self._say(HOLDS)
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewing.cancel()
            self._say(0)
            if self._file is not None:
                os.close(self._file)
            self._file = None

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWED)
            self._say(HOLDS)

    def _say(self, seconds: float) -> None:
        if self._file is None:
            return
        word = _WORD.pack(self._epoch, int((self._now() + seconds) * 1000))
        try:
            os.pwrite(self._file, word, 0)
            self._troubled = False
        except OSError as error:
            self._take_back(self._file, error)

    def _take_back(self, file: int, error: OSError) -> None:
        """What was said before must not hold any longer; an empty file needs no room."""
        with suppress(OSError):
            os.ftruncate(file, 0)
        if not self._troubled:
            log.warning("Envoy gives no answers again for now: %s", error)
        self._troubled = True


def leased(ticket: str) -> tuple[str, bytes] | None:
    """Route and key of an answer that was given again; None for another ticket."""
    if not ticket.startswith(AGAIN_TICKET):
        return None
    key, _, route = ticket[len(AGAIN_TICKET) :].partition(" ")
    return route, bytes.fromhex(key)
