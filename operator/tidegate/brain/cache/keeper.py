"""Follows what the configuration and its Secrets say of caches: which layers each has beside its memory, and what people ask of them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from tidegate.brain.cache.admin import CannotTell, Criteria, Found
from tidegate.brain.cache.asked import LONGEST_QUESTION
from tidegate.brain.cache.desk import Desk
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.judge import Judge, nobody
from tidegate.brain.cache.match import Match, question_digest
from tidegate.brain.cache.stored.meters import StoredMeters
from tidegate.brain.cache.stored.news import Forgotten, Missed, News, Purge, Vector
from tidegate.brain.cache.stored.standing import Standing
from tidegate.brain.cache.stored.together import Shared
from tidegate.brain.cache.tier import Tier
from tidegate.brain.store.resp import Away
from tidegate.brain.store.where import Unusable, Where, where
from tidegate.contract.cache import Cache, Semantic
from tidegate.contract.router_config import RouterConfig
from tidegate.embedding.embedder import EmbeddingMissing

if TYPE_CHECKING:  # these need numpy, which is there where a tier asks for it
    from tidegate.brain.cache.doubts import Doubts
    from tidegate.brain.cache.embedders import Embedders
    from tidegate.brain.cache.similar import SimilarQuestions

log = logging.getLogger("tidegate.brain")


@dataclass
class Layers:
    """What a tier has beside its memory, and of what it was made."""

    cache: Cache
    where: Where | None
    shared: Shared | None = None
    similar: SimilarQuestions | None = None
    doubts: Doubts | None = None
    running: asyncio.Task[None] | None = None
    troubles: list[str] = field(default_factory=list)
    """Why there is less than the tier asks for."""

    def follow(self, cache: Cache) -> None:
        """The same tier with other times and bounds: nothing has to be connected anew."""
        self.cache = cache
        if self.shared:
            self.shared.follow(cache)

    def forget(self, keys: Iterable[bytes]) -> None:
        """Nobody is given these answers to similar questions any more."""
        if self.similar:
            for key in keys:
                self.similar.forget(key)

    def stop(self) -> None:
        """It is let go."""
        if self.running:
            self.running.cancel()
        if self.similar:
            self.similar.stop()
        if self.doubts:
            self.doubts.stop()

    def problems(self) -> list[str]:
        """Sentences; none when all is as the tier asks."""
        return [*self.troubles, *(self.shared.problems() if self.shared else [])]


class CacheKeeper:
    """Of one router. `draw` gives numbers from 0 to 1, `now` the time of the world."""

    def __init__(
        self,
        desk: Desk,
        now: Callable[[], float],
        judge: Judge = nobody,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.desk = desk
        self._now, self._judge, self._draw = now, judge, draw
        self._secrets: dict[str, Mapping[str, Any] | None] = {}
        self._embedders: Embedders | None = None
        self._layers: dict[str, Layers] = {}
        self.meters = StoredMeters(lambda: [each.shared.meters for each in self._layers.values() if each.shared])
        self._scope = ""
        self._changed = asyncio.Event()

    def follow(self, config: RouterConfig) -> None:
        """The configuration that Envoy runs; the desk follows by itself."""
        self._scope = f"{config.namespace}/{config.policy}"
        self._changed.set()

    def secret_changed(self, name: str, secret: Mapping[str, Any] | None) -> None:
        """The watch of a Secret; None when it is not there."""
        self._secrets[name] = secret
        self._changed.set()

    def secret_forgotten(self, name: str) -> None:
        """Its watch has ended."""
        self._secrets.pop(name, None)

    async def run(self) -> None:
        """Never returns; what is connected when it is cancelled is let go."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._fit(group)
                await self._changed.wait()
                self._changed.clear()

    async def _fit(self, group: asyncio.TaskGroup) -> None:
        """Nothing before it is known whose answers they are: the desk may know its tiers sooner, and Secrets may come before."""
        if not self._scope:
            return
        for name in self._layers.keys() - self.desk.tiers.keys():
            self._layers.pop(name).stop()
        for name, tier in list(self.desk.tiers.items()):
            troubles: list[str] = []
            found = self._where(tier.cache, troubles)
            known = self._layers.get(name)
            if known and (known.cache.semantic, known.where) == (tier.cache.semantic, found):
                known.follow(tier.cache)
                known.troubles = known.troubles if found or not tier.cache.store else troubles
                self._join(tier, known)
                continue
            if known:
                known.stop()
            self._layers[name] = made = await self._made(tier, found, troubles, group)
            self._join(tier, made)

    def _where(self, cache: Cache, troubles: list[str]) -> Where | None:
        if not cache.store:
            return None
        try:
            return where(cache.store, self._secrets)
        except Unusable as error:
            troubles.append(str(error))
            return None

    async def _made(self, tier: Tier, found: Where | None, troubles: list[str], group: asyncio.TaskGroup) -> Layers:
        cache = tier.cache
        made = Layers(cache, found, troubles=troubles)
        if found:
            made.shared = Shared(cache, self._scope, found, self._now, self._draw)
            made.shared.watch(lambda news: self._hear(self.desk.tiers.get(cache.name, tier), made, news))
        if cache.semantic:
            try:
                made.similar = await self._similar(cache.semantic, made.shared)
            except (EmbeddingMissing, ImportError) as error:
                troubles.append(f"only questions that are the same word for word are answered: {error}")
            else:
                made.doubts = self._doubts(cache.semantic, made.similar, made.shared)
        made.running = group.create_task(made.shared.run()) if made.shared else None
        return made

    async def _similar(self, settings: Semantic, shared: Shared | None) -> SimilarQuestions:
        """Raises EmbeddingMissing, or ImportError."""
        from tidegate.brain.cache.embedders import Embedders
        from tidegate.brain.cache.semantic import semantic
        from tidegate.brain.cache.similar import SimilarQuestions

        self._embedders = self._embedders or Embedders(self._secrets)
        embedder = await self._embedders.of(settings.endpoint)
        announce = shared.announce if shared else lambda _: None
        return SimilarQuestions(semantic.Semantic(embedder, settings), settings, self._now, announce)

    def _doubts(self, settings: Semantic, similar: SimilarQuestions, shared: Shared | None) -> Doubts | None:
        from tidegate.brain.cache.doubts import Doubts

        if not settings.quality:
            return None
        tell = shared.stand if shared else lambda _: None
        return Doubts(
            settings.quality, similar, settings, self._judge, self._now, self._draw, lambda: token_hex(8), tell
        )

    @staticmethod
    def _join(tier: Tier, layers: Layers) -> None:
        tier.shared = layers.shared
        tier.similar = layers.similar
        tier.doubts = layers.doubts

    def _hear(self, tier: Tier, layers: Layers, news: News) -> None:
        """What another router says, or this one."""
        match news:
            case Vector():
                if layers.similar:
                    layers.similar.absorb(news)
            case Purge():
                self._forget(tier, layers, lambda entry: entry.stored <= news.at and news.match.means(entry))
            case Forgotten():
                keys = frozenset(news.keys)
                self._forget(tier, layers, lambda entry: entry.key in keys and entry.stored <= news.at)
                layers.forget(keys)
            case Standing():
                if layers.doubts:
                    layers.doubts.follow(news)
            case Missed():
                self._forget(tier, layers, lambda _: True)

    @staticmethod
    def _forget(tier: Tier, layers: Layers | None, fits: Callable[[Entry], bool]) -> None:
        keys = tier.memory.purge(fits)
        if layers:
            layers.forget(keys)
        tier.leases.void()

    def stats(self) -> dict[str, Any]:
        """admin.py says what it tells."""
        return {name: self._told(tier, self._layers.get(name)) for name, tier in self.desk.tiers.items()}

    def _told(self, tier: Tier, layers: Layers | None) -> dict[str, Any]:
        hits = {source: tier.results[f"hit-{source}", ""] for source in ("memory", "exact", "semantic")}
        hits["memory"] += tier.results["coalesced", ""]
        store = {"storeBytes": layers.shared.meters.bytes} if layers and layers.shared else {}
        return {
            "entries": len(tier.memory),
            "bytes": tier.memory.bytes,
            **store,
            **({"semantic": layers.doubts.told()} if layers and layers.doubts else {}),
            "hits": hits,
            "misses": tier.results["miss", ""],
            "savedTokens": tier.saved.total(),
            "savedMicrodollars": round(tier.dollars * 1e6),
            "trouble": layers.problems() if layers else [],
        }

    async def purge(self, criteria: Criteria) -> Found:
        """Of all tiers. Raises CannotTell."""
        found = [await self._purge(tier, self._layers.get(name), criteria) for name, tier in self.desk.tiers.items()]
        return (
            Found(*map(sum, zip(*((f.memory, f.exact, f.semantic) for f in found), strict=True))) if found else Found()
        )

    async def _purge(self, tier: Tier, layers: Layers | None, criteria: Criteria) -> Found:
        if criteria.similar_to:
            return await self._purge_similar(tier, layers, criteria)
        match = _match(criteria)
        memory = sum(match.means(entry) for entry in tier.memory.entries())
        shared = layers.shared if layers and layers.cache.exact else None
        try:
            exact = await (shared.purge(match) if criteria.really else shared.count(match)) if shared else 0
        except Away as error:
            raise CannotTell(f"the store is away: {error}; nothing was forgotten for sure, try again") from error
        if criteria.really:
            self._forget(tier, layers, match.means)
        return Found(memory, exact)

    async def _purge_similar(self, tier: Tier, layers: Layers | None, criteria: Criteria) -> Found:
        """Whosever they are, so that nothing else may be asked for besides."""
        if _match(criteria) != Match():
            raise CannotTell("similarTo stands alone: vectors do not know whose, and of which model, an answer is")
        similar = layers.similar if layers else None
        keys = await similar.like(criteria.similar_to, criteria.threshold) if similar else []
        if keys is None:
            raise CannotTell("there is no vector of that text at present")
        meant = frozenset(keys)
        memory = sum(entry.key in meant for entry in tier.memory.entries())
        if criteria.really and layers and keys:
            self._forget(tier, layers, lambda entry: entry.key in meant)
            layers.forget(keys)
            if layers.shared:
                layers.shared.forget(keys)
        return Found(memory, 0, len(keys))


def _match(criteria: Criteria) -> Match:
    return Match(
        tenant=criteria.tenant or None,
        model=criteria.model or None,
        revision=criteria.revision or None,
        question=question_digest(criteria.prompt[:LONGEST_QUESTION]) if criteria.prompt else None,
    )
