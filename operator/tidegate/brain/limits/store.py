"""The store in which all routers of a policy count together: kept connected, asked by one script for all limits of a request."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, Final

from tidegate.brain.limits.resp import Away, Connection
from tidegate.brain.limits.where import Unusable, Where
from tidegate.brain.limits.windows import Charge, Verdict

log = logging.getLogger("tidegate.brain")

CONNECT: Final = 2.0
"""Seconds for a connection, TLS included."""
PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between two attempts, times 0.5 to 1.5: routers that lost a store together do not come back together."""
STEADY: Final = 10.0
"""Seconds after which a connection counts as a good one, and the next pause is the first again."""


def _script(name: str) -> tuple[str, str]:
    text = resources.files("tidegate.brain.limits").joinpath(f"{name}.lua").read_text(encoding="utf-8")
    return text, hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - the name by which EVALSHA knows it


ADMIT: Final = _script("admit")
SETTLE: Final = _script("settle")


def verdicts(told: Sequence[int]) -> list[Verdict]:
    """What `admit` was told, counter by counter."""
    return [Verdict(*told[i : i + 4]) for i in range(0, len(told), 4)]


class Store:
    """One store. `back` is called when it answers again; `draw` gives numbers from 0 to 1."""

    def __init__(self, where: Where, back: Callable[[], None], draw: Callable[[], float]) -> None:
        self.where = where
        self._back, self._draw = back, draw
        self._connection: Connection | None = None
        self.trouble = "it was not asked yet"
        """Why it is away; empty while it is not."""

    @property
    def ready(self) -> bool:
        """Whether it may be asked."""
        return self._connection is not None and not self._connection.lost.done()

    def admit(self, charges: Sequence[Charge]) -> asyncio.Future[list[int]]:
        """Counts a request in all of its counters, or in none: `verdicts` of what comes. Fails with Away."""
        return self._run(ADMIT, charges, [number for c in charges for number in (c.amount, c.cost, c.slice_ms)])

    def settle(self, parts: Sequence[tuple[str, int, int, int]]) -> asyncio.Future[int]:
        """Of counters the slice, how much more, and milliseconds of a slice. Fails with Away."""
        return self._run(SETTLE, parts, [number for part in parts for number in part[1:]])

    def _run(
        self, script: tuple[str, str], keyed: Sequence[Sequence[Any]], numbers: Sequence[int]
    ) -> asyncio.Future[Any]:
        if self._connection:
            return self._connection.send("EVALSHA", script[1], len(keyed), *[each[0] for each in keyed], *numbers)
        none: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        none.set_exception(Away(self.trouble))
        return none

    async def run(self) -> None:
        """Keeps it connected; until it is cancelled."""
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            try:
                self.trouble = await self._once()
            except (OSError, TimeoutError, Unusable, Away) as error:
                self.trouble = str(error) if isinstance(error, Unusable | Away) else type(error).__name__
            failures = 0 if loop.time() - begun > STEADY else failures + 1
            log.warning("the store at %s is away: %s", self.where.said, self.trouble)
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1 if failures else 0] * (0.5 + self._draw()))

    async def _once(self) -> str:
        """One connection's life; why it ended."""
        connection = await self._connect()
        try:
            await self._greet(connection)
            self._connection, self.trouble = connection, ""
            log.info("limits are counted at %s", self.where.said)
            self._back()
            return await asyncio.shield(connection.lost)
        finally:
            self._connection = None
            connection.end("this router ends")

    async def _connect(self) -> Connection:
        context = self.where.context()
        name = self.where.host if context else None
        async with asyncio.timeout(CONNECT):
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, self.where.host, self.where.port, ssl=context, server_hostname=name
            )
        return connection

    async def _greet(self, connection: Connection) -> None:
        """Who we are, and the scripts. Raises Away."""
        if self.where.password:
            await connection.send("AUTH", *([self.where.user] if self.where.user else []), self.where.password)
        if self.where.database:
            await connection.send("SELECT", self.where.database)
        for text, _ in (ADMIT, SETTLE):
            await connection.send("SCRIPT", "LOAD", text)
