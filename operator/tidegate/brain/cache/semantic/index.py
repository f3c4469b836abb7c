"""Which stored questions are near another, in namespaces that know nothing of each other, with a bound on all of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from tidegate.brain.cache.semantic.guards import Features
from tidegate.brain.cache.semantic.matrix import Vector, front
from tidegate.brain.cache.semantic.vectors import FLAT, Vectors

MAX_NAMESPACES: Final = 10_000
NUMBER: Final = 4
"""Bytes of a number of a vector."""
BESIDE: Final = 2_048
"""Bytes of a question beside its vector: text, what guards look at, key and places in dicts. 950 were measured with ten words."""


class Stored(NamedTuple):
    """A question that has an answer."""

    number: int
    features: Features
    text: str
    expires: float


class Near(NamedTuple):
    """A stored question, and how near it is (cosine)."""

    key: bytes
    similarity: float
    features: Features


class Shelf:
    """One namespace; the first to come is the first to go."""

    def __init__(self, dimensions: int, max_entries: int, flat: int = FLAT) -> None:
        self._max = max_entries
        self._vectors = Vectors(dimensions, flat)
        self._stored: dict[bytes, Stored] = {}
        self._keys: dict[int, bytes] = {}

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self._vectors.dimensions

    def __len__(self) -> int:
        return len(self._stored)

    def add(self, key: bytes, vector: Vector, features: Features, text: str, expires: float) -> list[bytes]:
        """In place of what has this key; the keys that had to go for it."""
        self.remove(key)
        gone = [self.pop() for _ in range(len(self) - self._max + 1)]
        number = self._vectors.put(vector)
        self._stored[key] = Stored(number, features, text, expires)
        self._keys[number] = key
        return gone

    def get(self, key: bytes) -> tuple[Stored, Vector] | None:
        """What stands there."""
        stored = self._stored.get(key)
        return None if stored is None else (stored, self._vectors.get(stored.number))

    def remove(self, key: bytes) -> bool:
        """Whether it was there."""
        stored = self._stored.pop(key, None)
        if stored is None:
            return False
        del self._keys[stored.number]
        self._vectors.drop(stored.number)
        return True

    def pop(self) -> bytes:
        """The key of the oldest, which goes."""
        key = next(iter(self._stored))
        self.remove(key)
        return key

    def near(self, vector: Vector, least: float, now: float) -> Iterator[Near]:
        """The nearest first, and none that has run out."""
        for number, similarity in self._vectors.near(vector, least):
            key = self._keys[number]
            stored = self._stored[key]
            if stored.expires > now:
                yield Near(key, similarity, stored.features)

    def ran_out(self, now: float) -> list[bytes]:
        """Of the oldest, those before the first that still counts; they go."""
        gone = []
        while self._stored and next(iter(self._stored.values())).expires <= now:
            gone.append(self.pop())
        return gone


class Index:
    """All namespaces; which was used longest ago is the first to lose something."""

    def __init__(
        self, max_entries: int, max_bytes: int, max_namespaces: int = MAX_NAMESPACES, flat: int = FLAT
    ) -> None:
        self._max_entries, self._max_bytes, self._max_namespaces = max_entries, max_bytes, max_namespaces
        self._flat = flat
        self._shelves: OrderedDict[bytes, Shelf] = OrderedDict()
        self._homes: dict[bytes, bytes] = {}
        """Namespaces by key."""
        self.size = 0
        """Of all vectors and what stands beside them."""

    def __len__(self) -> int:
        return len(self._homes)

    def __contains__(self, namespace: bytes) -> bool:
        return namespace in self._shelves

    def fits(self, namespace: bytes, dimensions: int) -> bool:
        """Whether nothing there has other dimensions."""
        shelf = self._shelves.get(namespace)
        return shelf is None or shelf.dimensions == dimensions

    @property
    def namespaces(self) -> int:
        """That hold something."""
        return len(self._shelves)

    def add(
        self, namespace: bytes, key: bytes, vector: Vector, features: Features, text: str, expires: float, now: float
    ) -> None:
        """A namespace whose vectors had other dimensions begins anew."""
        self.remove(key)
        shelf = self._shelf(namespace, len(vector))
        self._forget([*shelf.ran_out(now), *shelf.add(key, vector, features, text, expires)], len(vector))
        self._homes[key] = namespace
        self.size += _size(len(vector))
        while self.size > self._max_bytes or len(self._shelves) > self._max_namespaces:
            self._make_room()

    def get(self, key: bytes) -> tuple[bytes, Stored, Vector] | None:
        """Namespace, what is stored and its vector."""
        namespace = self._homes.get(key)
        found = None if namespace is None else self._shelves[namespace].get(key)
        return None if namespace is None or found is None else (namespace, *found)

    def remove(self, key: bytes) -> bool:
        """Whether it was there."""
        namespace = self._homes.pop(key, None)
        if namespace is None:
            return False
        shelf = self._shelves[namespace]
        shelf.remove(key)
        self.size -= _size(shelf.dimensions)
        if not len(shelf):
            del self._shelves[namespace]
        return True

    def anywhere(self, vector: Vector, least: float, now: float) -> Iterator[Near]:
        """Of all namespaces."""
        fitting = [shelf for shelf in self._shelves.values() if shelf.dimensions == len(vector)]
        return chain.from_iterable(shelf.near(vector, least, now) for shelf in fitting)

    def near(self, namespace: bytes, vector: Vector, least: float, now: float) -> Iterator[Near]:
        """Of this namespace alone."""
        shelf = self._shelves.get(namespace)
        if shelf is None or not self.fits(namespace, len(vector)):
            return iter(())
        self._shelves.move_to_end(namespace)
        return shelf.near(vector, least, now)

    def _shelf(self, namespace: bytes, dimensions: int) -> Shelf:
        shelf = self._shelves.get(namespace)
        if shelf is None or shelf.dimensions != dimensions:
            self._drop(namespace)
            shelf = self._shelves[namespace] = Shelf(dimensions, self._max_entries, self._flat)
        self._shelves.move_to_end(namespace)
        return shelf

    def _make_room(self) -> None:
        namespace, shelf = next(iter(self._shelves.items()))
        if len(self._shelves) > self._max_namespaces or len(shelf) == 1:
            self._drop(namespace)
        else:
            self._forget([shelf.pop()], shelf.dimensions)

    def _drop(self, namespace: bytes) -> None:
        shelf = self._shelves.pop(namespace, None)
        while shelf is not None and len(shelf):
            self._forget([shelf.pop()], shelf.dimensions)

    def _forget(self, keys: list[bytes], dimensions: int) -> None:
        for key in keys:
            del self._homes[key]
        self.size -= len(keys) * _size(dimensions)


def _size(dimensions: int) -> int:
    return NUMBER * (dimensions + front(dimensions)) + BESIDE
