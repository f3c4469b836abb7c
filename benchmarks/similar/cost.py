"""What a look-up costs, step by step and whole, one at a time on one core."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from typing import Final

import numpy as np

from benchmarks.similar.rates import ALL
from benchmarks.similar.results import Cost
from tidegate.brain.cache.semantic.guards import differ, features
from tidegate.brain.cache.semantic.matrix import Vector
from tidegate.brain.cache.semantic.semantic import Semantic
from tidegate.brain.cache.semantic.travel import Traveller, told
from tidegate.brain.cache.semantic.vectors import Vectors
from tidegate.contract.cache import Semantic as Settings
from tidegate.embedding.embedder import Embedder

ROUNDS: Final = 300
NAMESPACE: Final = b"n" * 16
FAR: Final = 1e12
"""Seconds: nothing runs out meanwhile."""
SUBJECTS: Final = (
    "order",
    "invoice",
    "ticket",
    "policy",
    "booking",
    "account",
    "parcel",
    "refund",
    "password",
    "contract",
)


def texts(count: int) -> Iterator[str]:
    """Questions of 16 tokens, no two the same."""
    return (f"How do I change the delivery address of my {SUBJECTS[n % 10]} number {1000 + n}?" for n in range(count))


async def costs(embedder: Embedder) -> tuple[Cost, ...]:
    """All of them; `embedder` is one that remembers nothing."""
    questions = list(texts(ROUNDS))

    async def embedded(text: str) -> object:
        return await embedder.embed([text])

    return (
        Cost("a vector of 16 tokens", *await _timed(embedded, questions)),
        *[Cost(f"search among {count:,}", *_search(count)) for count in (1_000, 10_000, 20_000)],
        Cost("what guards look at in a question", *_each(features, questions)),
        Cost("all guards on one candidate", *_guards(questions)),
        *[
            Cost(f"a whole look-up among {count:,}", *await _whole(embedder, count, questions))
            for count in (1_000, 10_000)
        ],
    )


Medians = tuple[float, float]
"""Milliseconds on a clock, and of CPU."""


async def _timed(ask: Callable[[str], Awaitable[object]], questions: list[str]) -> Medians:
    spent = []
    for text in questions:
        begin = _clocks()
        await ask(text)
        spent.append((begin, _clocks()))
    return _medians(spent)


def _each(work: Callable[[str], object], questions: list[str]) -> Medians:
    spent = []
    for text in questions:
        begin = _clocks()
        work(text)
        spent.append((begin, _clocks()))
    return _medians(spent)


def _clocks() -> Medians:
    return time.perf_counter() * 1e3, time.process_time() * 1e3


def _medians(spent: list[tuple[Medians, Medians]]) -> Medians:
    wall, cpu = (median(end[at] - begin[at] for begin, end in spent) for at in (0, 1))
    return wall, cpu


def _guards(questions: list[str]) -> Medians:
    """On pairs that only the last of the guards could tell apart."""
    read = {text: features(text) for text in questions}
    return _each(lambda text: differ(read[text], read[text], ALL), questions)


def rows(count: int) -> Vector:
    """Directions at random, all far from each other."""
    made = np.random.default_rng(1).standard_normal((count, 384)).astype(np.float32)
    unit: Vector = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit


def _search(count: int) -> Medians:
    vectors, all_ = Vectors(384), rows(count)
    for row in all_:
        vectors.put(row)
    spent = []
    for row in all_[:ROUNDS]:
        begin = _clocks()
        vectors.near(row, 0.95)
        spent.append((begin, _clocks()))
    return _medians(spent)


async def _whole(embedder: Embedder, count: int, questions: list[str]) -> Medians:
    """From the text to the answer's key or nothing. Each question is stored in words that a guard tells apart, so that all steps are done."""
    settings = Settings(threshold=0.8, guards=ALL, conversations="SingleTurn", ttl_seconds=FAR, max_entries=count)
    semantic = Semantic(embedder, settings)
    for number, (row, text) in enumerate(zip(rows(count - len(questions)), texts(count), strict=False)):
        semantic.absorb(
            told(Traveller(embedder.fingerprint, NAMESPACE, number.to_bytes(32, "big"), row, text, FAR)), 0.0
        )
    for number, text in enumerate(questions):
        await semantic.add(NAMESPACE, (count + number).to_bytes(32, "big"), text.replace("?", " in 2 days?"), FAR, 0.0)

    async def find(text: str) -> object:
        return await semantic.find(NAMESPACE, text, 0.0)

    return await _timed(find, questions)
