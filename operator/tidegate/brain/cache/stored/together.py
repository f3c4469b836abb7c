"""The answers of a tier that all routers of its policy share, in their store: whatever is wrong with it costs a miss.

Three connections, none of them that of limits: look-ups never wait behind an answer that is written, nor either of them behind news.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from tidegate.brain.cache.codec import decode
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.match import Match
from tidegate.brain.cache.sealed import OfAnotherVersion, Unreadable
from tidegate.brain.cache.stored import listing
from tidegate.brain.cache.stored.feed import Feed
from tidegate.brain.cache.stored.ground import Ground, room
from tidegate.brain.cache.stored.meters import TierMeters
from tidegate.brain.cache.stored.names import Names
from tidegate.brain.cache.stored.news import Forgotten, News, Purge, Vector
from tidegate.brain.cache.stored.recent import Recent
from tidegate.brain.cache.stored.standing import Standing
from tidegate.brain.cache.stored.writing import Drop, Stands, Writing
from tidegate.brain.store.line import Line, Use
from tidegate.brain.store.where import Where
from tidegate.contract.cache import Cache

TIMEOUT: Final = 0.05
"""Seconds for which a request waits for the store; then nobody waits until it has answered a greeting."""
LARGE: Final = 64 * 1024
"""Bytes from which on answers are decompressed beside the loop."""
DEMOTED: Final = ("READONLY", "UNBLOCKED")
"""What it says then to who writes, and to who waits for news."""


class Shared:
    """Of one tier of one policy in one router."""

    def __init__(
        self,
        cache: Cache,
        scope: str,
        where: Where,
        now: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`scope` is the policy's namespace and name, with a slash between them; `now` seconds of the clock of the world, `draw` numbers from
        0 to 1."""
        self.where = where
        self.meters = TierMeters(scope, cache.name)
        self._cache, self._now, self._draw = cache, now, draw
        self._names = Names(scope, cache.name)
        self._recent = Recent()
        self._watchers: list[Callable[[News], None]] = []
        self._ground = ground = Ground(self._names, room(cache), self.meters, os.urandom(8), now)
        use = Use("answers are looked up", timeout=TIMEOUT, key=self._names.index)
        self._reads = Line(where, use, draw, self._back, self._gone)
        self._writing = Writing(self._line, ground)
        watched = cache.semantic if cache.semantic and cache.semantic.quality else None
        self._standing = self._names.standing(watched) if watched else ""
        self._feed = Feed(self._line, ground, self._hear, self._standing)

    def _line(self, use: Use, back: Callable[[], None]) -> Line:
        return Line(self.where, use, self._draw, back, self._not_taken)

    def follow(self, cache: Cache) -> None:
        """The same tier, as the configuration has it now."""
        self._cache, self._ground.room = cache, room(cache)

    @property
    def ready(self) -> bool:
        """Whether it is worth asking."""
        return self._reads.ready

    async def run(self) -> None:
        """Keeps it connected; until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in (self._reads, self._writing.line, self._feed.line, self._writing, self._feed):
                group.create_task(part.run())

    async def get(self, keys: Sequence[bytes]) -> list[Entry | None]:
        """What is stored under each of them; None where nothing is, where it is damaged, and where the store is away. Never raises."""
        nothing: list[Entry | None] = [None] * len(keys)
        if not self._cache.exact or not keys:
            return nothing
        if not self._reads.ready:
            self.meters.away += 1
            return nothing
        # each by itself: what is large is read once then; MGET, because what is of another type is nothing to it, and no error
        asked = [self._reads.send("MGET", self._names.answer(key)) for key in keys]
        told = await asyncio.gather(*asked, return_exceptions=True)
        found = await self._read(keys, [each[0] or b"" if isinstance(each, list) else b"" for each in told])
        self._count(any(found), all(isinstance(each, list) for each in told))
        return found

    def _count(self, hit: bool, answered: bool) -> None:
        self.meters.hits += hit
        self.meters.misses += answered and not hit
        self.meters.away += not (answered or hit)

    def put(self, entry: Entry) -> None:
        """Soon; dropped where the store is away or too much waits."""
        if self._cache.exact and not self._recent.forbids(entry, self._now()):
            self._writing.add(entry)

    def forget(self, keys: Iterable[bytes]) -> None:
        """Here at once, in the store and in all routers soon; tried again until the store was told."""
        named = tuple(keys)
        for begin in range(0, len(named), listing.PAGE):
            news = Forgotten(named[begin : begin + listing.PAGE], self._now())
            self._hear(news)
            self._writing.add(news)

    async def count(self, match: Match) -> int:
        """How many stored answers somebody means. Raises Away."""
        async with aclosing(listing.matching(self._writing.line, self._names, match)) as pages:
            return sum([len(keys) async for keys in pages])

    async def purge(self, match: Match) -> int:
        """How many left the store: from this moment on no router gives them any more, and then they go. Raises Away, and then only this
        router may have heard of it."""
        news, gone = Purge(match, self._now()), 0
        self._hear(news)
        await self._writing.tell(news)
        async with aclosing(listing.matching(self._writing.line, self._names, match)) as pages:
            async for keys in pages:
                gone += (await self._writing.forget(tuple(keys)))[0]
        return gone

    def announce(self, vector: Vector) -> None:
        """To all other routers, soon; dropped where the store is away."""
        self._writing.add(vector)

    def stand(self, standing: Standing) -> None:
        """From now on, for all routers; it is for who says so to say it again where it does not arrive."""
        self._writing.add(Stands(self._standing, standing))

    def watch(self, callback: Callable[[News], None]) -> None:
        """Told every half a second how similar questions stand, before anything else; of others' vectors, from the oldest that the store has when this router begins, and of everybody's purges, those of this
        router included. It may hear things twice."""
        self._watchers.append(callback)

    def problems(self) -> list[str]:
        """Sentences about why answers are not shared; none when they are."""
        where, writes = self.where.said, self._writing
        if not self._reads.ready:
            return [
                f"the store at {where} is away: {self._reads.trouble}; meanwhile each router gives again what it keeps itself"
            ]
        if trouble := writes.refusal or writes.line.trouble:
            return [f"the store at {where} takes no more answers: {trouble}; it gives those that it has"]
        if trouble := self._feed.line.trouble:
            return [
                f"the store at {where} does not say what other routers tell: {trouble}; purges may count later here"
            ]
        return []

    def _hear(self, news: News) -> None:
        if isinstance(news, Purge | Forgotten):
            self._recent.add(news)
            self._writing.without(lambda entry: self._recent.forbids(entry, self._now()))
        for each in self._watchers:
            each(news)

    def _back(self) -> None:
        self.meters.shared = 1

    def _gone(self, _: str) -> None:
        self.meters.shared = 0

    def _not_taken(self, why: str) -> None:
        """It is another one's copy now, and takes nothing any more: that one is looked up, by all lines."""
        if any(word in why for word in DEMOTED):
            self._reads.end(why)
            self._feed.line.end(why)

    async def _read(self, keys: Sequence[bytes], values: Sequence[bytes]) -> list[Entry | None]:
        most = self._cache.max_answer_bytes
        if sum(map(len, values)) > LARGE:
            read = await asyncio.to_thread(_decoded, keys, values, most)
        else:
            read = _decoded(keys, values, most)
        return [self._usable(key, each) for key, each in zip(keys, read, strict=True)]

    def _usable(self, key: bytes, read: Entry | Unreadable | None) -> Entry | None:
        if isinstance(read, Unreadable):
            if not isinstance(read, OfAnotherVersion):
                self.meters.damaged += 1
                self._writing.add(Drop((key,)))
            return None
        now = self._now()
        return read if read and read.expires > now and not self._recent.forbids(read, now) else None


def _decoded(keys: Sequence[bytes], values: Sequence[bytes], most: int) -> list[Entry | Unreadable | None]:
    """What each of them is; None where there is none."""
    made: list[Entry | Unreadable | None] = []
    for key, value in zip(keys, values, strict=True):
        try:
            made.append(decode(value, key, most) if value else None)
        except Unreadable as error:
            made.append(error)
    return made
