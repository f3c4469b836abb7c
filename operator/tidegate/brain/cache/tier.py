"""One cache with its layers: where answers are looked for, from the nearest to the farthest, and where they are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Protocol

from tidegate.brain.cache.asked import Asked
from tidegate.brain.cache.directives import NONE
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.flights import Flights, Given
from tidegate.brain.cache.lines import Line
from tidegate.brain.cache.memory import Memory
from tidegate.contract.cache import Cache

if TYPE_CHECKING:
    from tidegate.brain.cache.semantic.namespace import Question


class Shared(Protocol):
    """L2: what routers keep together. Never raises; a store that is away has nothing, nor has that of a tier without `exact`, in which routers
    only tell each other what is forgotten."""

    async def get(self, keys: Sequence[bytes]) -> list[Entry | None]:
        """In the keys' order."""

    def put(self, entry: Entry) -> None:
        """Soon."""

    def forget(self, keys: Iterable[bytes]) -> None:
        """In the store and in all routers, soon."""


class Similar(Protocol):
    """L3: answers to questions that are similar. Never raises; a model of vectors that is away knows nothing."""

    def questions(self, asked: Asked) -> Mapping[str, Question]:
        """What a request, which has its body, asks each who may answer it."""

    async def find(self, asked: Asked, now: float) -> tuple[bytes, float] | None:
        """The key of an answer, and the similarity of the question to it."""

    def learn(self, asked: Asked, entry: Entry) -> None:
        """Soon."""

    def forget(self, key: bytes) -> None:
        """There is no such answer any more."""


class Doubts(Protocol):
    """Whether answers to similar questions can be trusted."""

    verdicts: Counter[str]
    """Comparisons, by how they came out."""

    @property
    def on(self) -> bool:
        """Whether they are given."""

    def doubted(self, given: Given) -> bool:
        """Whether an engine is asked instead of giving it."""

    def compare(self, asked: Asked, given: Given, fresh: Entry) -> None:
        """What would have been given, and what an engine has said. Soon."""


class Tier:
    """Of one router."""

    def __init__(self, cache: Cache, now: Callable[[], float], void: Callable[[], None] = lambda: None) -> None:
        """`void` is called when answers that have been given may not be given any more."""
        self.cache = cache
        self.void = void
        self._now = now
        self.memory = Memory()
        self.flights = Flights()
        self.shared: Shared | None = None
        self.similar: Similar | None = None
        self.doubts: Doubts | None = None
        self.results: Counter[tuple[str, str]] = Counter()
        """Requests, by result and reason."""
        self.saved: Counter[str] = Counter()
        """Tokens of answers that were given again, by type."""
        self.dollars = 0.0
        """US dollars that they would have cost, of backends whose price is known."""
        self.follow(cache)

    def follow(self, cache: Cache) -> None:
        """The same cache as the configuration has it now."""
        self.cache = cache
        memory = cache.memory
        self.memory.bound(*((memory.max_entries, memory.max_bytes, memory.ttl_seconds) if memory else (0, 0, 0.0)))

    @property
    def deep(self) -> bool:
        """Whether there is anything to ask beyond this router's memory."""
        return self.shared is not None or self.similar is not None

    def followed(self, asked: Asked) -> Asked:
        """What is to be known of a request while its answer is on the way."""
        return asked.without_body(self.similar.questions(asked) if self.similar else {})

    def near(self, asked: Asked) -> Given | None:
        """What this router has itself."""
        now = self._now()
        for key in asked.keys.values():
            entry = self.memory.get(key, now)
            if entry and now - entry.stored <= asked.oldest:
                return Given(entry, "memory")
        return None

    async def far(self, asked: Asked) -> Given | None:
        """What others have, or what is similar."""
        return await self._exact(asked) or await self._semantic(asked)

    async def _exact(self, asked: Asked) -> Given | None:
        if not self.shared:
            return None
        exact = self.cache.exact.ttl_seconds if self.cache.exact and asked.ttl is None else inf
        oldest = min(asked.oldest, exact)  # the store may have it for longer: for similar questions
        now = self._now()
        for entry in await self.shared.get(list(asked.keys.values())):
            if entry and entry.expires > now and now - entry.stored <= oldest:
                self.memory.put(entry, now, asked.ttl)
                return Given(entry, "exact")
        return None

    async def _semantic(self, asked: Asked) -> Given | None:
        found = await self.similar.find(asked, self._now()) if self.similar else None
        if not self.similar or not found:
            return None
        key, similarity = found
        entry = self.memory.get(key, self._now()) or (await self._shared(key))
        if entry is None:
            self.similar.forget(key)
            return None
        return Given(entry, "semantic", similarity) if self._now() - entry.stored <= asked.oldest else None

    async def _shared(self, key: bytes) -> Entry | None:
        return (await self.shared.get([key]))[0] if self.shared else None

    def ttl(self, asked: Asked) -> float:
        """Seconds for which an answer to it is kept."""
        if asked.ttl is not None:
            return asked.ttl
        cache = self.cache
        layers = (cache.exact if self.shared else None, cache.memory, cache.semantic if self.similar else None)
        return max((layer.ttl_seconds for layer in layers if layer), default=0.0)

    def keep(self, asked: Asked, entry: Entry) -> None:
        """In all layers; who would not have what there was has it replaced."""
        if asked.wishes != NONE:
            self.void()
        self.memory.put(entry, self._now(), asked.ttl)
        if self.shared:
            self.shared.put(entry)
        if self.similar:
            self.similar.learn(asked, entry)
        self.results["stored", ""] += 1

    async def forget(self, asked: Asked) -> None:
        """The answers that a request would be given: its own of each who may answer, and one to a similar question."""
        keys = set(asked.keys.values())
        if found := await self.similar.find(asked, self._now()) if self.similar else None:
            keys.add(found[0])
        for key in keys:
            self.memory.forget(key)
            if self.similar:
                self.similar.forget(key)
        if self.shared:
            self.shared.forget(keys)
        self.void()
        self.results["forgotten", ""] += 1

    def count(self, line: Line, given: Given, *, waited: bool) -> None:
        """An answer that is given again."""
        self.results["coalesced" if waited else f"hit-{given.source}", ""] += 1
        self.saved["prompt"] += given.entry.prompt_tokens
        self.saved["completion"] += given.entry.completion_tokens
        self.dollars += _worth(line, given.entry)


def _worth(line: Line, entry: Entry) -> float:
    """US dollars that an engine's answer would have cost, where the backend's price is known."""
    each = line.answerers.values()
    price = next((who.price for who in each if (who.backend, who.revision) == (entry.backend, entry.revision)), None)
    return (price.input * entry.prompt_tokens + price.output * entry.completion_tokens) / 1e6 if price else 0.0
