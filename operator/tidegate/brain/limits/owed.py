"""What the store has to be told: what was let through while it was away, and what requests used more or less than was reserved.

What may have been told already, because the connection ended before the answer, is told again only if it takes room: in doubt a client has
less, never more.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from tidegate.brain.limits.windows import SLICES

Parts = list[tuple[str, int, int, int]]
"""Counter, slice, how much more, milliseconds of a slice."""
MOST: Final = 100_000
"""Slices of counters; more are forgotten. While a store is away for long, the oldest leave with their windows."""


class Owed:
    """Sums, by counter and slice."""

    def __init__(self) -> None:
        self._more: dict[tuple[str, int, int], int] = {}

    def __len__(self) -> int:
        return len(self._more)

    def add(self, key: str, at: int, more: int, slice_ms: int) -> None:
        """One more."""
        which = (key, at, slice_ms)
        if which in self._more or len(self._more) < MOST:
            self._more[which] = self._more.get(which, 0) + more

    def take(self, most: int) -> Parts:
        """At most so many, which are no longer owed."""
        chosen = list(islice(self._more, most))
        return [(key, at, self._more.pop((key, at, width)), width) for key, at, width in chosen]

    def unsure(self, parts: Iterable[tuple[str, int, int, int]]) -> None:
        """They were told, perhaps."""
        for key, at, more, width in parts:
            if more > 0:
                self.add(key, at, more, width)

    def sweep(self, now: int) -> None:
        """Forgets what has left its window."""
        for which in [which for which in self._more if (which[1] + SLICES + 1) * which[2] <= now]:
            del self._more[which]
