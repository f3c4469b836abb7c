"""Namespaces know nothing of each other, and bounds hold."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.brain.cache.semantic.support import vector
from tidegate.brain.cache.semantic.guards import features
from tidegate.brain.cache.semantic.index import BESIDE, Index

MAX_ENTRIES, MAX_NAMESPACES, MAX_VECTORS = 4, 3, 8
EACH = 4 * (64 + 16) + BESIDE
PLENTY = 100 * EACH
TEXTS = ("how do I cancel", "how can I cancel", "how do I pay", "what is the price", "what was the price")
namespaces = st.sampled_from([bytes([number]) * 16 for number in range(5)])
keys = st.sampled_from([bytes([number]) * 32 for number in range(30)])
texts = st.sampled_from(TEXTS)


class Machine(RuleBasedStateMachine):
    """What was told to an index, beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.index = Index(MAX_ENTRIES, MAX_VECTORS * EACH, MAX_NAMESPACES, flat=MAX_VECTORS)
        self.told: dict[bytes, tuple[bytes, str, float]] = {}
        self.now = 0.0

    @rule(namespace=namespaces, key=keys, text=texts, lives=st.integers(1, 5))
    def add(self, namespace: bytes, key: bytes, text: str, lives: int) -> None:
        self.told[key] = (namespace, text, self.now + lives)
        self.index.add(namespace, key, vector(text), features(text), text, self.now + lives, self.now)
        (best, *_) = self.index.near(namespace, vector(text), 0.9, self.now)
        assert best.similarity > 0.999
        assert key in {near.key for near in self.index.near(namespace, vector(text), 0.9, self.now)}

    @rule(key=keys)
    def remove(self, key: bytes) -> None:
        assert not self.index.remove(key) or key in self.told
        assert self.index.get(key) is None
        self.told.pop(key, None)

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(namespace=namespaces, text=texts)
    def look(self, namespace: bytes, text: str) -> None:
        for near in self.index.near(namespace, vector(text), 0.1, self.now):
            home, said, expires = self.told[near.key]
            assert home == namespace
            assert expires > self.now
            assert near.features == features(said)

    @rule(namespace=namespaces)
    def ask_with_a_vector_of_other_dimensions(self, namespace: bytes) -> None:
        assert not list(self.index.near(namespace, vector("how")[:32], 0.0, self.now))

    @invariant()
    def bounds_hold(self) -> None:
        assert len(self.index) <= MAX_VECTORS
        assert self.index.size == len(self.index) * EACH
        assert self.index.namespaces <= MAX_NAMESPACES
        homes = [found[0] for key in self.told if (found := self.index.get(key))]
        assert len(homes) == len(self.index)
        assert all(homes.count(home) <= MAX_ENTRIES for home in homes)
        assert len(set(homes)) == self.index.namespaces


TestIndex = Machine.TestCase


def test_the_oldest_of_a_namespace_goes_first() -> None:
    index = Index(2, PLENTY)
    for number in range(3):
        index.add(b"n", bytes([number]), vector("same"), features("same"), "same", 10.0, 0.0)
    assert {near.key for near in index.near(b"n", vector("same"), 0.9, 0.0)} == {b"\x01", b"\x02"}


def test_a_namespace_that_nobody_uses_goes_first() -> None:
    index = Index(9, PLENTY, max_namespaces=2)
    for name in (b"a", b"b"):
        index.add(name, name, vector("same"), features("same"), "same", 10.0, 0.0)
    assert list(index.near(b"a", vector("same"), 0.9, 0.0))
    index.add(b"c", b"c", vector("same"), features("same"), "same", 10.0, 0.0)
    assert [name in index for name in (b"a", b"b", b"c")] == [True, False, True]


def test_vectors_of_other_dimensions_begin_a_namespace_anew() -> None:
    index = Index(9, PLENTY)
    index.add(b"n", b"old", vector("same"), features("same"), "same", 10.0, 0.0)
    short = vector("same")[:32]
    index.add(b"n", b"new", short, features("same"), "same", 10.0, 0.0)
    assert [near.key for near in index.near(b"n", short, 0.0, 0.0)] == [b"new"]
    assert len(index) == 1
