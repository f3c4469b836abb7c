"""What all parts of a tier know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tidegate.brain.cache.stored.meters import TierMeters
from tidegate.brain.cache.stored.names import Names
from tidegate.contract.cache import Cache

FEED_PART: Final = 8
"""One part in so many of a tier's bytes in the store is for news, the rest for answers."""
FEED_ALONE: Final = 16 * 1024 * 1024
"""Bytes for news of a tier that keeps no answers in the store."""
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a tier, and an answer of it, may take of its store, and how long what is told stays, in milliseconds."""

    answer: int
    answers: int
    feed: int
    told_ms: int


@dataclass(slots=True)
class Ground:
    """Of one policy, in one router."""

    names: Names
    room: Room
    meters: TierMeters
    origin: bytes
    """By which this router knows what it said itself."""
    now: Callable[[], float]
    """Seconds of the clock of the world."""


def room(cache: Cache) -> Room:
    """News last as long as any vector."""
    most = cache.exact.max_bytes if cache.exact else 0
    feed = most // FEED_PART if most else FEED_ALONE
    each = (*(part for part in (cache.exact, cache.semantic) if part), *cache.ttl_rules)
    lasts = max([DAY, *(one.ttl_seconds for one in each)])
    return Room(cache.max_answer_bytes, most - feed if most else 0, feed, int(lasts * 1000))
