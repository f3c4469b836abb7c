"""Hears what the routers of a tier tell each other: from the beginning when it begins, from where it was after a while away.

newest in the store        then
------------------------   --------------------------------------------------------
after what was heard       what comes after it
what was heard             waits
before it, or none at all  the store has lost it: all that there is, from the beginning
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from tidegate.brain.cache.sealed import OfAnotherVersion, Unreadable
from tidegate.brain.cache.stored.ground import Ground
from tidegate.brain.cache.stored.news import Missed, News, read
from tidegate.brain.cache.stored.standing import read as read_standing
from tidegate.brain.store.line import Line, Use
from tidegate.brain.store.resp import Away

log = logging.getLogger("tidegate.brain")

BLOCK: Final = 0.5
"""Seconds for which a store waits for news, and after which it is seen that it has lost what it had."""
PAGE: Final = 50
"""Pieces of news at a time: requests come between two of them, also when a router begins and hears everything."""
BEGINNING: Final = b"0-0"


class Feed:
    """Of one tier; `on` is told what others say."""

    def __init__(
        self,
        line: Callable[[Use, Callable[[], None]], Line],
        ground: Ground,
        on: Callable[[News], None],
        standing: str = "",
    ) -> None:
        """`line` makes one for a use, and what is to be done whenever it is connected; `standing` is the name of what is read with the
        news, and before the first."""
        self._ground, self._on, self._standing = ground, on, standing
        self._connected = asyncio.Event()
        use = Use("routers tell each other", timeout=BLOCK + 1.0, key=ground.names.feed)
        self.line = line(use, self._connected.set)
        self._heard, self._number = BEGINNING, 0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._connected.wait()
            self._connected.clear()
            try:
                while self.line.ready:
                    await self._listen()
            except Away:
                continue

    async def _listen(self) -> None:
        feed, block = self._ground.names.feed, int(BLOCK * 1000)
        stands = [self.line.send("MGET", self._standing)] if self._standing else []
        looked = self.line.send("XREVRANGE", feed, "+", "-", "COUNT", 1)
        asked = self.line.send("XREAD", "COUNT", PAGE, "BLOCK", block, "STREAMS", feed, self._heard)
        *stood, newest, found = await asyncio.gather(*stands, looked, asked)
        for [value] in stood:
            self._tell(read_standing(value))
        for name, fields in found[0][1] if found else ():
            self._hear(fields)
            self._heard = name
        if not found and (not newest or _order(newest[0][0]) < _order(self._heard)):
            self._heard, self._number = BEGINNING, 0

    def _hear(self, fields: Any) -> None:
        known = dict(zip(fields[::2], fields[1::2], strict=False))
        number = int(known.get(b"n", b"")) if known.get(b"n", b"").isdigit() else 0
        missed = self._number and number > self._number + 1
        self._number = number or self._number
        try:
            news, origin = read(known.get(b"m", b""))
        except Unreadable as error:
            self._ground.meters.damaged += 1
            missed = missed or not isinstance(error, OfAnotherVersion)
            origin = self._ground.origin
        if missed:
            self._tell(Missed())
        if origin != self._ground.origin:
            self._tell(news)

    def _tell(self, news: News) -> None:
        try:
            self._on(news)
        except Exception:  # what a store says must not end a router
            log.exception("news of a tier that nobody can use")


def _order(name: bytes) -> tuple[int, ...]:
    """Names of messages are two numbers: https://valkey.io/topics/streams-intro/"""
    return tuple(int(part) for part in name.split(b"-"))
