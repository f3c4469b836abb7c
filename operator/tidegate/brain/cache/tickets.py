"""By what the brain knows a request again: words that go with it through Envoy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
MOST: Final = 20_000
"""Tickets of a kind; the oldest are nobody's then."""


class Tickets(Generic[T]):
    """Of one kind. One of which nothing is heard for `lasts` seconds is nobody's: its request ended without a word, or its word was lost."""

    def __init__(self, lasts: float, over: Callable[[T], None] = lambda _: None) -> None:
        """`over` is told of each that is nobody's now."""
        self._lasts, self._over = lasts, over
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def keep(self, ticket: str, what: T, now: float) -> None:
        """`now` in seconds of the loop's clock."""
        self._known[ticket] = now + self._lasts, what
        while len(self._known) > MOST or next(iter(self._known.values()))[0] <= now:
            _, (_, oldest) = self._known.popitem(last=False)
            self._over(oldest)

    def take(self, ticket: str) -> T | None:
        """What it stands for, once."""
        found = self._known.pop(ticket, None)
        return found[1] if found else None
