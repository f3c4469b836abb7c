"""The tier put together: a question finds the answer's key of one that is near enough and that no guard tells apart from it."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import islice
from typing import Final, NamedTuple

from tidegate.brain.cache.semantic.guards import differ, features
from tidegate.brain.cache.semantic.index import MAX_NAMESPACES, Index, Near
from tidegate.brain.cache.semantic.matrix import Vector
from tidegate.brain.cache.semantic.travel import Traveller, heard, told
from tidegate.brain.cache.stored import news
from tidegate.contract.cache import Semantic as Settings
from tidegate.embedding.embedder import Embedder, EmbeddingAway

log = logging.getLogger("tidegate.brain")

TOP: Final = 8
"""As many of the nearest are shown to the guards."""
LONGEST: Final = 1_000
"""Characters of a question. What guards cost grows with them, and nobody has measured how often two long texts that are near are not the same."""

ROOM: Final = 4_096
"""Bytes for each of `max_entries`, by which the operator sizes a router's memory: all namespaces together have no more."""


class Found(NamedTuple):
    """Whose answer may be given."""

    key: bytes
    similarity: float
    """Cosine."""


class Semantic:
    """Of one tier and one embedder. Nothing here raises because of an embedder: one that is away finds nothing and keeps nothing."""

    def __init__(
        self,
        embedder: Embedder,
        settings: Settings,
        *,
        max_namespaces: int = MAX_NAMESPACES,
        room: int = ROOM,
    ) -> None:
        self._embedder, self._settings = embedder, settings
        self._index = Index(settings.max_entries, settings.max_entries * room, max_namespaces)
        self.refused: Counter[str] = Counter()
        """Near enough, and told apart, by guard."""
        self.away = 0
        """Texts without a vector because the embedder was away."""

    def __len__(self) -> int:
        return len(self._index)

    @property
    def size(self) -> int:
        """Bytes of what is stored."""
        return self._index.size

    async def find(self, namespace: bytes, text: str, now: float) -> Found | None:
        """The nearest that may answer. A namespace with nothing in it costs nothing; else it is one vector, a search, and the guards."""
        if namespace not in self._index:
            return None
        vector = await self._vector(text)
        if vector is None:
            return None
        near = islice(self._index.near(namespace, vector, self._settings.threshold, now), TOP)
        return self._same(text, list(near))

    def _same(self, text: str, nearest: list[Near]) -> Found | None:
        """The first that no guard tells apart. What guards look at is read only where something is near: most questions are new."""
        if not nearest:
            return None
        asked = features(text)
        for near in nearest:
            guard = differ(asked, near.features, self._settings.guards)
            if guard is None:
                return Found(near.key, min(near.similarity, 1.0))
            self.refused[guard] += 1
        return None

    async def add(self, namespace: bytes, key: bytes, text: str, expires: float, now: float) -> news.Vector | None:
        """Keeps a question; what other routers are to absorb, or None where it is none to keep."""
        vector = await self._vector(text)
        if vector is None or expires <= now:
            return None
        self._index.add(namespace, key, vector, features(text), text, expires, now)
        return told(Traveller(self._embedder.fingerprint, namespace, key, vector, text, expires))

    def absorb(self, said: news.Vector, now: float) -> bool:
        """What `add` or `export` gave on another router; False where it is damaged, has run out, or is another embedder's."""
        try:
            each = heard(said)
        except ValueError:
            return False
        ours = each.fingerprint == self._embedder.fingerprint and self._index.fits(each.namespace, len(each.vector))
        if not ours or each.expires <= now:
            return False
        known = self._index.get(each.key)
        if known is None or known[0] != each.namespace or known[1].expires < each.expires:
            self._index.add(each.namespace, each.key, each.vector, features(each.text), each.text, each.expires, now)
        return True

    def export(self, key: bytes) -> news.Vector | None:
        """The same as `add` gave, for a router that comes later."""
        found = self._index.get(key)
        if found is None:
            return None
        namespace, stored, vector = found
        return told(Traveller(self._embedder.fingerprint, namespace, key, vector, stored.text, stored.expires))

    async def similarity(self, one: str, other: str) -> float | None:
        """Cosine of two texts, as much of them as the embedder reads; None: nobody can tell."""
        try:
            found = await self._embedder.embed([one, other])
        except EmbeddingAway:
            self.away += 1
            return None
        return float(found[0] @ found[1])

    async def like(self, text: str, least: float, now: float) -> list[bytes] | None:
        """The keys of all whose cosine to it is `least` or more, whatever guards say and whosever they are; None: nobody can tell."""
        vector = await self._vector(text)
        return None if vector is None else [near.key for near in self._index.anywhere(vector, least, now)]

    def remove(self, key: bytes) -> bool:
        """Whether it was there."""
        return self._index.remove(key)

    async def _vector(self, text: str) -> Vector | None:
        """None: the embedder is away, or would not see all of the text."""
        if len(text) > LONGEST or not self._embedder.sees(text):
            return None
        try:
            found = await self._embedder.embed([text])
        except EmbeddingAway as away:
            self.away += 1
            log.debug("no vector: %s", away)
            return None
        vector: Vector = found[0]
        return vector
