"""What was purged a moment ago: an answer that was on its way meanwhile is not given, wherever it turns up.

A purge takes a while in the store, and other routers may be storing what they had before they heard of it. So each of them looks at
what it is given and at what it stores, as long as such an answer may still be around.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.stored.news import Forgotten, Purge

KEPT: Final = 3600.0
"""Seconds: longer than the longest request that was answered before the purge, and is stored after it."""
MOST: Final = 256
"""Purges; the oldest are forgotten first."""
MOST_KEYS: Final = 10_000
"""Keys that were forgotten by themselves; so are the oldest of them."""


class Recent:
    """Of one tier."""

    def __init__(self) -> None:
        self._purges: deque[Purge] = deque(maxlen=MOST)
        self._keys: OrderedDict[bytes, float] = OrderedDict()

    def add(self, news: Purge | Forgotten) -> None:
        """Whoever says it."""
        if isinstance(news, Purge):
            if news not in self._purges:
                self._purges.append(news)
            return
        for key in news.keys:
            self._keys[key] = max(news.at, self._keys.pop(key, news.at))
        while len(self._keys) > MOST_KEYS:
            self._keys.popitem(last=False)

    def forbids(self, entry: Entry, now: float) -> bool:
        """Whether nobody may be given it."""
        if entry.stored <= self._keys.get(entry.key, entry.stored - 1):
            return True
        while self._purges and self._purges[0].at < now - KEPT:
            self._purges.popleft()
        return any(entry.stored <= each.at and each.match.means(entry) for each in self._purges)
