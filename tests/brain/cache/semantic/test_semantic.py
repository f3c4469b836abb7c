"""The tier, with an embedder that counts letters."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.semantic.support import Letters, settings
from tidegate.brain.cache.semantic.index import BESIDE
from tidegate.brain.cache.semantic.semantic import LONGEST, Semantic

NAMESPACE, OTHER = b"n" * 16, b"o" * 16
KEY, SECOND = b"k" * 32, b"l" * 32


def tier(embedder: Letters | None = None, threshold: float = 0.8) -> Semantic:
    return Semantic(embedder or Letters(), settings(threshold))


async def test_a_similar_question_finds_the_answer() -> None:
    semantic = tier()
    assert await semantic.add(NAMESPACE, KEY, "How do I cancel my order?", 60.0, 0.0)
    found = await semantic.find(NAMESPACE, "How do I cancel my orders?", 1.0)
    assert found is not None
    assert found.key == KEY
    assert 0.8 < found.similarity < 1


async def test_what_has_run_out_is_removed_or_lies_elsewhere_is_not_found() -> None:
    semantic = tier()
    await semantic.add(NAMESPACE, KEY, "How do I cancel?", 60.0, 0.0)
    assert await semantic.find(NAMESPACE, "How do I cancel?", 60.0) is None
    assert await semantic.find(OTHER, "How do I cancel?", 1.0) is None
    assert semantic.remove(KEY)
    assert not semantic.remove(KEY)
    assert await semantic.find(NAMESPACE, "How do I cancel?", 1.0) is None


async def test_a_guard_tells_apart_and_the_next_may_answer() -> None:
    semantic = tier(threshold=0.7)
    await semantic.add(NAMESPACE, KEY, "Is a return possible within 14 days?", 60.0, 0.0)
    await semantic.add(NAMESPACE, SECOND, "Is a return possible in 30 days?", 60.0, 0.0)
    found = await semantic.find(NAMESPACE, "Is a return possible within 30 days?", 1.0)
    assert found is not None
    assert found.key == SECOND
    assert semantic.refused == {"Numbers": 1}


async def test_an_embedder_that_is_away_finds_and_keeps_nothing() -> None:
    embedder = Letters()
    semantic = tier(embedder)
    await semantic.add(NAMESPACE, KEY, "How do I cancel?", 60.0, 0.0)
    embedder.away = True
    assert await semantic.find(NAMESPACE, "Can I cancel?", 1.0) is None
    assert await semantic.add(NAMESPACE, SECOND, "Can I pay?", 60.0, 0.0) is None
    assert semantic.away == 2
    assert len(semantic) == 1


async def test_a_text_that_is_not_seen_whole_is_never_like_another() -> None:
    semantic = tier()
    long = "x" * LONGEST
    for text in ("How do I …?", long + "a"):
        assert await semantic.add(NAMESPACE, KEY, text, 60.0, 0.0) is None
    await semantic.add(NAMESPACE, KEY, long, 60.0, 0.0)
    assert await semantic.find(NAMESPACE, long + "a", 1.0) is None


async def test_where_nothing_is_stored_nothing_is_embedded() -> None:
    embedder = Letters()
    assert await tier(embedder).find(NAMESPACE, "How do I pay?", 0.0) is None
    assert embedder.asked == []


async def test_another_router_absorbs_what_one_has_added() -> None:
    one, other = tier(), tier()
    told = await one.add(NAMESPACE, KEY, "How do I cancel?", 60.0, 0.0)
    assert told is not None
    assert told == one.export(KEY)
    assert other.absorb(told, 1.0)
    assert other.absorb(told, 1.0)
    assert len(other) == 1
    found = await other.find(NAMESPACE, "How do I cancel?", 1.0)
    assert found is not None
    assert found.key == KEY
    assert one.export(SECOND) is None


async def test_what_is_damaged_or_has_run_out_is_not_absorbed() -> None:
    one, other = tier(), tier()
    told = await one.add(NAMESPACE, KEY, "How do I cancel?", 60.0, 0.0)
    assert told is not None
    for said, now in ((replace(told, vector=told.vector[:-1]), 1.0), (replace(told, features=b""), 1.0), (told, 60.0)):
        assert not other.absorb(said, now)
    assert len(other) == 0


async def test_vectors_of_other_dimensions_come_only_from_our_own_embedder() -> None:
    one, other = tier(), tier()
    told = await one.add(NAMESPACE, KEY, "How do I cancel?", 60.0, 0.0)
    assert told is not None
    assert await other.add(NAMESPACE, SECOND, "How do I pay?", 60.0, 0.0)
    half = np.full(4, 0.5, "<f2").tobytes()
    assert not other.absorb(replace(told, vector=half), 1.0)
    assert await other.find(NAMESPACE, "How do I pay?", 1.0)


texts = st.text(alphabet="abcdefgh …", min_size=1, max_size=30)


@given(st.lists(st.tuples(st.sampled_from([NAMESPACE, OTHER]), texts), min_size=1, max_size=8), texts)
async def test_an_answer_of_another_namespace_or_fingerprint_is_never_found(
    stored: list[tuple[bytes, str]], asked: str
) -> None:
    ours, theirs = tier(threshold=0.0), tier(Letters("another"), threshold=0.0)
    homes = {}
    for number, (namespace, text) in enumerate(stored):
        key = bytes([number]) * 32
        homes[key] = namespace
        told = await ours.add(namespace, key, text, 60.0, 0.0)
        assert told is None or not theirs.absorb(told, 1.0)
    for namespace in (NAMESPACE, OTHER):
        found = await ours.find(namespace, asked, 1.0)
        assert found is None or homes[found.key] == namespace
        assert await theirs.find(namespace, asked, 1.0) is None


async def test_the_bound_of_a_tier_holds() -> None:
    semantic = Semantic(Letters(), settings(max_entries=4), max_namespaces=3, room=5_000)
    sizes = []
    for number in range(60):
        namespace = bytes([number % 2]) * 16
        await semantic.add(namespace, bytes([number]) * 32, f"question {number}", 60.0, 0.0)
        sizes.append(len(semantic))
    assert max(sizes) == 4 * 5_000 // (4 * (64 + 16) + BESIDE)
    assert semantic.size <= 4 * 5_000
    assert all(after <= before + 1 for before, after in pairwise(sizes))
