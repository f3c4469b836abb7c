"""RESP 2, the protocol of Redis and Valkey, as far as it is needed: https://valkey.io/topics/protocol/

Commands of many requests go out one behind the other on one connection, and answers come back in that order: a library's connection for
each command costs ten times what a decision does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, cast

TIMEOUT: Final = 0.1
"""Seconds that an answer may take where nobody says another time: a store that is slower counts as away."""
LOOK: Final = 0.002
"""Seconds for which an answer that is late is looked for once more: it may have come while this process was busy."""
Word = str | bytes | int


class Away(ConnectionError):
    """The store does not answer, or refuses. What was asked may have been done, unless it refused."""


class Refused(Away):
    """The store answered with an error."""


class Incomplete(Exception):
    """More bytes are needed."""


def command(*words: Word) -> bytes:
    """As bytes."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def parse(data: bytes | bytearray, at: int = 0) -> tuple[Any, int]:
    """One answer and where it ends; an error is a Refused among the values. Raises Incomplete, and ValueError for what is no answer."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, line, after = data[at], bytes(data[at + 1 : end]), end + 2
    match kind:
        case 0x3A:  # :
            return int(line), after
        case 0x2B:  # +
            return line, after
        case 0x2D:  # -
            return Refused(line.decode(errors="replace")), after
        case 0x24:  # $
            return _bulk(data, int(line), after)
        case 0x2A:  # *
            return _array(data, int(line), after)
    raise ValueError("not an answer of a store")


def _bulk(data: bytes | bytearray, length: int, at: int) -> tuple[bytes | None, int]:
    if length < 0:
        return None, at
    if len(data) < at + length + 2:
        raise Incomplete
    return bytes(data[at : at + length]), at + length + 2


def _array(data: bytes | bytearray, length: int, at: int) -> tuple[list[Any] | None, int]:
    if length < 0:
        return None, at
    items = []
    for _ in range(length):
        item, at = parse(data, at)
        items.append(item)
    return items, at


class Connection(asyncio.Protocol):
    """One connection. When it is lost, everything that waits fails with Away. `timeout`: seconds that an answer may take."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._watching = False
        self._late: asyncio.Future[Any] | None = None
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Why, when it is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's."""
        self.end(type(error).__name__ if error else "it closed the connection")

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._data += data
        at = 0
        try:
            while at < len(self._data) and self._waiting:
                value, at = parse(self._data, at)
                self._answered(value)
        except Incomplete:
            pass
        except ValueError as error:
            self.end(str(error))
        except RecursionError:
            self.end("an answer of more levels than there are")
        del self._data[:at]

    def _answered(self, value: Any) -> None:
        _, future = self._waiting.popleft()
        if not future.done():
            if isinstance(value, Refused):
                future.set_exception(value)
            else:
                future.set_result(value)
        if isinstance(value, Refused):  # full, read-only, without its scripts: it is greeted anew after a pause
            self.end(f"it refuses: {value}")

    def send(self, *words: Word) -> asyncio.Future[Any]:
        """Fails with Refused, or with Away when its time is over."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.lost.done() or not self._transport:
            future.set_exception(Away("there is no connection"))
            return future
        now = self._loop.time()
        self._waiting.append((now + self._timeout, future))
        self._transport.write(command(*words))
        if not self._watching:
            self._watching = True
            self._loop.call_at(now + self._timeout, self._watch)
        return future

    def _watch(self) -> None:
        """One timer for all that wait."""
        self._watching = False
        if not self._waiting:
            return
        (until, first), now = self._waiting[0], self._loop.time()
        if until <= now and first is self._late:
            self.end(f"it did not answer within {self._timeout * 1000:.0f} ms")
            return
        self._late = first if until <= now else None
        self._watching = True
        self._loop.call_at(max(until, now + LOOK), self._watch)

    def end(self, why: str) -> None:
        """Nobody waits any longer."""
        if self.lost.done():
            return
        self.lost.set_result(why)
        if self._transport:
            self._transport.abort()
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(Away(why))
        self._waiting.clear()
