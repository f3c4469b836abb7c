"""Where records arrive: fluentd's forward protocol, MessagePack, on a Unix socket.

https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1#forward-mode
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgpack

log = logging.getLogger("tidegate.brain")

T = TypeVar("T")
LARGEST: Final = 16 << 20
"""Bytes of one message of many records."""


class Ear(asyncio.Protocol, Generic[T]):
    """One connection of Envoy's; what is no record ends it."""

    def __init__(self, heard: Callable[[T], None], read: Callable[[Mapping[str, Any]], T]) -> None:
        self._heard, self._read = heard, read
        self._unpacker = msgpack.Unpacker(max_buffer_size=LARGEST)
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        try:
            self._unpacker.feed(data)
            for _tag, entries in self._unpacker:
                self._take(entries)
        except (ValueError, KeyError, TypeError, msgpack.UnpackException) as error:
            log.warning("what Envoy sent is no record: %s: %s", type(error).__name__, error)
            if self._transport:
                self._transport.close()

    def _take(self, entries: list[tuple[Any, dict[str, Any]]]) -> None:
        for _time, said in entries:
            self._heard(self._read(said))


async def listen(socket: Path, heard: Callable[[T], None], read: Callable[[Mapping[str, Any]], T]) -> asyncio.Server:
    """Listens there for what `read` makes of a message, which raises ValueError, KeyError or TypeError; the caller closes it."""
    return await asyncio.get_running_loop().create_unix_server(lambda: Ear(heard, read), socket)
