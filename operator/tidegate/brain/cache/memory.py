"""L1: what one router keeps itself. The least recently used leave first."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from tidegate.brain.cache.entry import Entry

OVERHEAD: Final = 550
"""Bytes of an entry beside its texts, measured with tracemalloc."""


class Memory:
    """Of one cache, bounded in entries and in bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[Entry, float]] = OrderedDict()
        self.bytes = 0
        self._most_entries = self._most_bytes = 0
        self._ttl = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def bound(self, entries: int, size: int, ttl: float) -> None:
        """From now on; `ttl` in seconds."""
        self._most_entries, self._most_bytes, self._ttl = entries, size, ttl
        self._shrink()

    def get(self, key: bytes, now: float) -> Entry | None:
        """`now` as Entry counts."""
        found = self._kept.get(key)
        if found is None:
            return None
        if found[1] <= now:
            self.forget(key)
            return None
        self._kept.move_to_end(key)
        return found[0]

    def until(self, key: bytes) -> float:
        """When what is there ends, as Entry counts; 0 for nothing."""
        found = self._kept.get(key)
        return found[1] if found else 0.0

    def put(self, entry: Entry, now: float, ttl: float | None = None) -> None:
        """In place of what was there; `ttl`: seconds, where it is not this memory's own."""
        self.forget(entry.key)
        if _size(entry) > self._most_bytes:
            return
        self._kept[entry.key] = entry, min(entry.expires, now + (self._ttl if ttl is None else ttl))
        self.bytes += _size(entry)
        self._shrink()

    def forget(self, key: bytes) -> None:
        """If it is there."""
        if found := self._kept.pop(key, None):
            self.bytes -= _size(found[0])

    def purge(self, fits: Callable[[Entry], bool]) -> list[bytes]:
        """The keys of those that fit, which are gone."""
        keys = [key for key, (entry, _) in self._kept.items() if fits(entry)]
        for key in keys:
            self.forget(key)
        return keys

    def entries(self) -> Iterator[Entry]:
        """All that are kept."""
        return (entry for entry, _ in self._kept.values())

    def _shrink(self) -> None:
        while self._kept and (len(self._kept) > self._most_entries or self.bytes > self._most_bytes):
            _, (entry, _) = self._kept.popitem(last=False)
            self.bytes -= _size(entry)


def _size(entry: Entry) -> int:
    """A character of a question takes one to four bytes."""
    return len(entry.answer) + sys.getsizeof(entry.question) + OVERHEAD
