"""A histogram whose buckets may change while it counts.

prometheus-client's are fixed when they are made, and a new one would begin at 0, so that what was seen in the window of a gate would be
lost. Here a new bound takes over the count of the bound below it, the most that is certain, and counts exactly from then on: no bucket
ever goes down. A bound that nobody asks for any more stays: a series that ends looks like a counter's reset.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable


class Histogram:
    """Of one series."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self._bounds = sorted(set(bounds))
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """A value that equals a bound is within it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def widen(self, bounds: Iterable[float]) -> None:
        """These bounds from now on, too."""
        for bound in set(bounds) - set(self._bounds):
            at = bisect_left(self._bounds, bound)
            insort(self._bounds, bound)
            self._counts.insert(at, 0)

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """Cumulative counts by bound, as Prometheus has them, and the sum of all values."""
        total, found = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            found.append((_written(bound), float(total)))
        return found, self._sum


def _written(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(bound)
