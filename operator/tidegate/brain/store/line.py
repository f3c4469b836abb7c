"""One connection to a store that is kept: made anew when it is lost, and never waited for."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tidegate.brain.store.resp import TIMEOUT, Away, Connection, Word
from tidegate.brain.store.scripts import Script
from tidegate.brain.store.sentinel import primary
from tidegate.brain.store.where import Unusable, Where

log = logging.getLogger("tidegate.brain")

CONNECT: Final = 2.0
"""Seconds for a connection, TLS included."""
PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between two attempts, times 0.5 to 1.5: routers that lost a store together do not come back together."""
STEADY: Final = 10.0
"""Seconds after which a connection counts as a good one, and the next pause is the first again."""
MOVED: Final = re.compile(r"MOVED \d+ (\S*):(\d+)$")
"""Of a node of a cluster that has not got these keys. https://valkey.io/topics/cluster-spec/"""


@dataclass(frozen=True)
class Use:
    """What a line is for."""

    said: str
    """Of what goes over it, for the log."""
    scripts: Sequence[Script] = ()
    timeout: float = TIMEOUT
    """Seconds that an answer may take."""
    key: str = ""
    """One of its keys: with it, the node of a cluster that has it is found before anybody asks."""


class Line:
    """One line. `back` is called when the store answers again, `gone` with why when it does not any more; `draw` gives
    numbers from 0 to 1."""

    def __init__(
        self,
        where: Where,
        use: Use,
        draw: Callable[[], float],
        back: Callable[[], None] = lambda: None,
        gone: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.where = where
        self._use, self._draw, self._back, self._gone = use, draw, back, gone
        self._moved: tuple[str, int] | None = None
        self._connection: Connection | None = None
        self.trouble = "it was not asked yet"
        """Why it is away; empty while it is not."""

    @property
    def ready(self) -> bool:
        """Whether it may be asked."""
        return self._connection is not None and not self._connection.lost.done()

    def send(self, *words: Word) -> asyncio.Future[Any]:
        """Fails with Away."""
        if self._connection:
            return self._connection.send(*words)
        none: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        none.set_exception(Away(self.trouble))
        return none

    def run_script(self, script: Script, keys: Sequence[Word], arguments: Sequence[Word]) -> asyncio.Future[Any]:
        """One of the line's. Fails with Away."""
        return self.send("EVALSHA", script.name, len(keys), *keys, *arguments)

    def end(self, why: str) -> None:
        """It is connected anew, and its host looked up anew."""
        if self._connection:
            self._connection.end(why)

    async def run(self) -> None:
        """Keeps it connected; until it is cancelled."""
        loop, failures, told = asyncio.get_running_loop(), 0, ""
        while True:
            begun, moved = loop.time(), self._moved
            self.trouble = await self._lived()
            self._moved = self._elsewhere(self.trouble)
            self._gone(self.trouble)
            if self._moved and not moved:
                continue
            if loop.time() - begun > STEADY:
                failures, told = 0, ""
            if self.trouble != told:
                log.warning("the store at %s is away: %s", self.where.said, self.trouble)
            told = self.trouble
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)] * (0.5 + self._draw()))
            failures += 1

    async def _lived(self) -> str:
        """One connection, from its beginning; why it ended."""
        try:
            return await self._once()
        except (Unusable, Away) as error:
            return str(error)
        except (OSError, TimeoutError) as error:
            return type(error).__name__

    def _elsewhere(self, why: str) -> tuple[str, int] | None:
        """The node that has the keys, where another one said so; an empty host is the same host."""
        found = MOVED.search(why)
        return (found[1] or self.where.host, int(found[2])) if found else None

    async def _once(self) -> str:
        """Why it ended. Raises what else kept it from beginning."""
        connection = await self._connect()
        try:
            await self._greet(connection)
            self._connection, self.trouble = connection, ""
            log.info("%s at %s", self._use.said, self.where.said)
            self._back()
            return await asyncio.shield(connection.lost)
        finally:
            self._connection = None
            connection.end("this router ends")

    async def _connect(self) -> Connection:
        context = self.where.context()
        async with asyncio.timeout(CONNECT):
            host, port = self._moved or await self._there(context)
            _, connection = await asyncio.get_running_loop().create_connection(
                partial(Connection, self._use.timeout),
                host,
                port,
                ssl=context,
                server_hostname=host if context else None,
            )
        return connection

    async def _there(self, context: ssl.SSLContext | None) -> tuple[str, int]:
        where = self.where
        return await primary(where.sentinels, context) if where.sentinels else (where.host, where.port)

    async def _greet(self, connection: Connection) -> None:
        """Who we are, and the scripts. Raises Away."""
        if self.where.password:
            await connection.send("AUTH", *([self.where.user] if self.where.user else []), self.where.password)
        if self.where.database:
            await connection.send("SELECT", self.where.database)
        for each in self._use.scripts:
            await connection.send("SCRIPT", "LOAD", each.text)
        if self._use.key:
            await connection.send("EXISTS", self._use.key)
