"""What is stored, without reading answers: of each key its size and what is known of it, as put.lua wrote it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import msgpack

from tidegate.brain.cache.codec import KEY, unpacked
from tidegate.brain.cache.match import About, Match
from tidegate.brain.cache.sealed import Unreadable
from tidegate.brain.cache.stored.names import Names
from tidegate.brain.store.line import Line

PAGE: Final = 500
"""Keys at a time: a store answers nobody else meanwhile."""


def written(size: int, known: About) -> bytes:
    """As it stands beside a key."""
    packed: bytes = msgpack.packb(tuple(known), unicode_errors="surrogatepass")
    return b"%d " % size + packed


def read(text: bytes) -> About | None:
    """None where it is not ours to understand."""
    try:
        found = unpacked(text.partition(b" ")[2])
        return About(*found)
    except (Unreadable, TypeError):
        return None


async def matching(line: Line, names: Names, match: Match) -> AsyncGenerator[list[bytes], None]:
    """Keys of what somebody means, some at a time: all that were there all the while. Raises Away."""
    cursor = b"0"
    while True:
        cursor, found = await line.send("HSCAN", names.sizes, cursor, "COUNT", PAGE)
        pairs = zip(found[::2], found[1::2], strict=True)
        keys = [key for key, text in pairs if len(key) == KEY and (known := read(text)) and match.fits(known)]
        for begin in range(0, len(keys), PAGE):
            yield keys[begin : begin + PAGE]
        if cursor == b"0":
            return
