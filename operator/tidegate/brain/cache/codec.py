"""An answer as the bytes that a store keeps. Its key is in them, so that nobody is given what stands under another one."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final, get_args

import msgpack

from tidegate.brain.cache.entry import Entry, Kind
from tidegate.brain.cache.sealed import Unreadable, seal, unseal

KEY: Final = 32
"""Bytes of a key."""
BESIDES: Final = 1 << 20
"""Bytes that everything of an entry but its answer may take: a question is one turn's text."""
KINDS: Final = frozenset(get_args(Kind))
SHAPE: Final = (bytes, str, str, str, str, str, str, bytes, int, int, float, float)
"""Of an entry's fields, in their order."""


class Unfit(ValueError):
    """An answer that nobody could read again."""


def encode(entry: Entry, most: int) -> bytes:
    """As it is stored; an answer has at most so many bytes. Raises Unfit."""
    fields = (
        entry.key, entry.kind, entry.tenant, entry.model, entry.backend, entry.revision, entry.question, entry.answer,
        entry.prompt_tokens, entry.completion_tokens, float(entry.stored), float(entry.expires),
    )  # fmt: skip
    try:
        plain = msgpack.packb(fields, unicode_errors="surrogatepass")
    except (OverflowError, TypeError) as error:
        raise Unfit("it has what no store keeps") from error
    if not _sensible(entry) or len(entry.answer) > most or len(plain) > most + BESIDES:
        raise Unfit("it is too long, or says what no answer says")
    return seal(plain)


def decode(data: bytes, key: bytes, most: int) -> Entry:
    """What was stored under this key; an answer has at most so many bytes. Raises Unreadable."""
    found = unpacked(unseal(data, most + BESIDES))
    if not isinstance(found, list) or [type(field) for field in found] != list(SHAPE):
        raise Unreadable("it is no answer")
    entry = Entry(*found)
    if not _sensible(entry):
        raise Unreadable("it is no answer")
    if entry.key != key:
        raise Unreadable("it stands under another key")
    if len(entry.answer) > most:
        raise Unreadable(f"its answer is longer than {most} bytes")
    return entry


def unpacked(plain: bytes) -> Any:
    """A value of msgpack. Raises Unreadable."""
    try:
        return msgpack.unpackb(plain, unicode_errors="surrogatepass")
    except ValueError as error:
        raise Unreadable("it is no msgpack") from error


def _sensible(entry: Entry) -> bool:
    tokens, times = (entry.prompt_tokens, entry.completion_tokens), (entry.stored, entry.expires)
    return len(entry.key) == KEY and entry.kind in KINDS and min(tokens) >= 0 and all(map(isfinite, times))
