"""L3 as a tier uses it: what a request's question is for each who may answer it, and what routers tell each other of questions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple
from typing import Final

from tidegate.brain.cache.aside import Aside
from tidegate.brain.cache.asked import Asked
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.key import ignored
from tidegate.brain.cache.semantic.namespace import Question, question
from tidegate.brain.cache.semantic.semantic import LONGEST, Semantic
from tidegate.brain.cache.stored.news import Vector
from tidegate.brain.cache.turns import CONVERSATIONS
from tidegate.contract.cache import Semantic as Settings

MOST: Final = 64
"""Questions that wait for their vectors; others are not learned."""


class SimilarQuestions:
    """Of one tier. `announce` tells other routers; `now` is the clock of the world."""

    def __init__(
        self,
        semantic: Semantic,
        settings: Settings,
        now: Callable[[], float],
        announce: Callable[[Vector], None] = lambda _: None,
    ) -> None:
        self.semantic = semantic
        self._settings, self._now, self._announce = settings, now, announce
        self._learning = Aside("a question was not learned", MOST)

    def questions(self, asked: Asked) -> dict[str, Question]:
        """What a request asks each who may answer it; nothing where only an answer to the very same will do."""
        found = {name: self._question(asked, name) for name in asked.keys} if asked.kind in CONVERSATIONS else {}
        return {name: mine for name, mine in found.items() if mine and len(mine.text) <= LONGEST}

    async def find(self, asked: Asked, now: float) -> tuple[bytes, float] | None:
        """The key of an answer that may be given, and how similar its question is."""
        for mine in asked.similar.values():
            found = await self.semantic.find(mine.namespace, mine.text, now)
            if found:
                return found.key, found.similarity
        return None

    async def similarity(self, one: str, other: str) -> float | None:
        """Cosine of two answers; None: nobody can tell."""
        return await self.semantic.similarity(one, other)

    async def like(self, text: str, least: float) -> list[bytes] | None:
        """The keys of answers to all that is so similar; `least` of 0 is the tier's. None: nobody can tell."""
        return await self.semantic.like(text, least or self._settings.threshold, self._now())

    def learn(self, asked: Asked, entry: Entry) -> None:
        """Soon; an answer of who is none of the asked is nobody's."""
        name = next((name for name, key in asked.keys.items() if key == entry.key), "")
        mine = asked.similar.get(name)
        if mine and not self._learning.full:
            lasts = self._settings.ttl_seconds if asked.ttl is None else asked.ttl
            self._learning.start(self._learn(mine, entry, lasts))

    def absorb(self, news: Vector) -> None:
        """What another router has learned."""
        self.semantic.absorb(news, self._now())

    def forget(self, key: bytes) -> None:
        """There is no such answer any more."""
        self.semantic.remove(key)

    def stop(self) -> None:
        """Nothing more is learned."""
        self._learning.stop()

    async def _learn(self, mine: Question, entry: Entry, lasts: float) -> None:
        now = self._now()
        expires = min(entry.expires, now + lasts)
        told = await self.semantic.add(mine.namespace, entry.key, mine.text, expires, now)
        if told:
            self._announce(told)

    def _question(self, asked: Asked, name: str) -> Question | None:
        scope = json.dumps([*astuple(asked.scope), asked.kind, asked.line.answerers[name].identity]).encode()
        return question(asked.body, scope, self._settings.conversations, ignored(asked.kind), asked.kind)
