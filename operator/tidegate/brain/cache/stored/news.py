"""What routers of a tier tell each other, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, TypeAlias

import msgpack

from tidegate.brain.cache.codec import KEY, unpacked
from tidegate.brain.cache.match import Match
from tidegate.brain.cache.sealed import Unreadable, seal, unseal
from tidegate.brain.cache.stored.standing import Standing

MOST: Final = 64 * 1024
"""Bytes of one piece of news: a vector has 768 to 8192."""
SPACE: Final = 16
"""Bytes of a namespace's name."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A question that may be asked again in other words."""

    namespace: bytes
    """16 bytes that stand for everything that two such questions must share."""
    key: bytes
    """Of the answer."""
    vector: bytes
    """float16, little endian."""
    features: bytes
    """What guards compare; whoever tells it reads it, too."""
    expires: float
    """Seconds of the clock of the world."""


@dataclass(frozen=True, slots=True)
class Purge:
    """Answers that nobody may be given any more."""

    match: Match
    at: float
    """When somebody said so, in seconds of the clock of the world: what was stored later is not meant."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The same, by their keys."""

    keys: tuple[bytes, ...]
    at: float


@dataclass(frozen=True, slots=True)
class Missed:
    """Something was told that this router did not hear: answers that it keeps itself may have been purged."""


News: TypeAlias = Vector | Purge | Forgotten | Missed | Standing


def written(news: Vector | Purge | Forgotten, origin: bytes) -> bytes:
    """With who says it."""
    match news:
        case Vector():
            fields: tuple[Any, ...] = ("v", news.namespace, news.key, news.vector, news.features, float(news.expires))
        case Purge():
            fields = ("p", tuple(news.match), float(news.at))
        case Forgotten():
            fields = ("f", news.keys, float(news.at))
    return seal(msgpack.packb((origin, *fields), unicode_errors="surrogatepass"))


def read(data: bytes) -> tuple[Vector | Purge | Forgotten, bytes]:
    """And who said it. Raises Unreadable."""
    found = unpacked(unseal(data, MOST))
    match found:
        case [bytes(origin), "v", bytes(namespace), bytes(key), bytes(vector), bytes(features), float(expires)]:
            news: Vector | Purge | Forgotten = Vector(namespace, key, vector, features, expires)
            sensible = len(namespace) == SPACE and len(key) == KEY and len(vector) % 2 == 0 and isfinite(expires)
        case [bytes(origin), "p", [*match], float(at)] if len(match) == len(Match._fields):
            news, sensible = Purge(Match(*match), at), isfinite(at) and _words(*match)
        case [bytes(origin), "f", [*keys], float(at)]:
            news, sensible = Forgotten(tuple(keys), at), isfinite(at) and all(_key(key) for key in keys)
        case _:
            raise Unreadable("it is no news")
    if not sensible:
        raise Unreadable("it is no news")
    return news, origin


def _key(key: Any) -> bool:
    return isinstance(key, bytes) and len(key) == KEY


def _words(*match: Any) -> bool:
    *words, question = match
    return all(word is None or isinstance(word, str) for word in words) and (
        question is None or isinstance(question, bytes)
    )
