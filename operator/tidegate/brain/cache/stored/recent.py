"""What was purged a moment ago: an answer that was on its way meanwhile is not given, wherever it turns up.

A purge takes a while in the store, and other routers may be storing what they had before they heard of it. So each of them looks at
what it is given and at what it stores, as long as such an answer may still be around.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.match import about
from tidegate.brain.cache.stored.news import Forgotten, Purge

KEPT: Final = 3600.0
"""Seconds: longer than the longest request that was answered before the purge, and is stored after it."""
MOST: Final = 256
"""Purges; the oldest are forgotten first."""


class Recent:
    """Of one tier."""

    def __init__(self) -> None:
        self._known: deque[Purge | Forgotten] = deque(maxlen=MOST)

    def add(self, news: Purge | Forgotten) -> None:
        """Whoever says it."""
        if news not in self._known:
            self._known.append(news)

    def forbids(self, entry: Entry, now: float) -> bool:
        """Whether nobody may be given it."""
        while self._known and self._known[0].at < now - KEPT:
            self._known.popleft()
        return any(entry.stored <= each.at and _means(each, entry) for each in self._known)


def _means(news: Purge | Forgotten, entry: Entry) -> bool:
    return news.match.fits(about(entry)) if isinstance(news, Purge) else entry.key in news.keys
