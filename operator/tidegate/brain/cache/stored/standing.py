"""Whether answers to similar questions are given, as all routers of a tier know it: who begins reads it before he hears of any question.

newest word   then a router
-----------   ------------------------------------------------
the store's   follows it
its own       writes it: it is new, or the store has lost it
the same      does nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Final

import msgpack

from tidegate.brain.cache.codec import unpacked
from tidegate.brain.cache.sealed import Unreadable, seal, unseal

MOST: Final = 4096
"""Bytes of one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A word on it."""

    since: float
    """Seconds of the clock of the world; 0 where nobody has ever said anything."""
    why: str
    """Why they are not given; empty: they are."""


NEVER: Final = Standing(0.0, "")


def written(standing: Standing) -> bytes:
    """As a store keeps it."""
    return seal(msgpack.packb((float(standing.since), standing.why)))


def read(data: bytes | None) -> Standing:
    """What is damaged was never said."""
    try:
        found = unpacked(unseal(data or b"", MOST))
    except Unreadable:
        return NEVER
    match found:
        case [float(since), str(why)] if isfinite(since):
            return Standing(since, why)
        case _:
            return NEVER
