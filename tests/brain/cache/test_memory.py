"""L1: bounds, times and the order in which answers leave."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.support import plain
from tidegate.brain.cache.memory import OVERHEAD, Memory


def memory(entries: int = 100, size: int = 1 << 20, ttl: float = 60) -> Memory:
    made = Memory()
    made.bound(entries, size, ttl)
    return made


def test_what_is_kept_and_for_how_long() -> None:
    kept = memory(ttl=10)
    kept.put(plain(b"a", expires=100.0), now=0.0)
    kept.put(plain(b"b", expires=5.0), now=0.0)
    assert kept.get(b"a", 9.9) == plain(b"a", expires=100.0)
    assert kept.get(b"b", 4.9)
    assert kept.get(b"b", 5.0) is None, "as the answer says"
    assert kept.get(b"a", 10.0) is None, "as this memory says"
    assert (len(kept), kept.bytes) == (0, 0)


def test_a_rule_gives_another_time() -> None:
    kept = memory(ttl=10)
    kept.put(plain(b"a", expires=100.0), 0.0, 50.0)
    assert kept.get(b"a", 49.9)
    assert kept.get(b"a", 50.0) is None


def test_a_question_counts_with_its_bytes() -> None:
    kept = memory()
    kept.put(plain(b"a", question="字" * 4096), 0.0)
    assert kept.bytes > 2 * 4096


def test_the_least_recently_used_leaves_first() -> None:
    kept = memory(entries=2)
    for name in (b"a", b"b"):
        kept.put(plain(name), 0.0)
    kept.get(b"a", 1.0)
    kept.put(plain(b"c"), 2.0)
    assert [kept.get(name, 3.0) is not None for name in (b"a", b"b", b"c")] == [True, False, True]


def test_one_that_is_larger_than_all_of_it_is_not_kept() -> None:
    kept = memory(size=OVERHEAD + sys.getsizeof("") + 10)
    kept.put(plain(b"a", answer=b"x" * 11), 0.0)
    kept.put(plain(b"b", answer=b"x" * 10), 0.0)
    assert (kept.get(b"a", 0.0), kept.get(b"b", 0.0) is not None) == (None, True)


def test_narrower_bounds_count_at_once() -> None:
    kept = memory()
    for number in range(10):
        kept.put(plain(b"%d" % number), 0.0)
    kept.bound(3, 1 << 20, 60)
    assert len(kept) == 3
    kept.bound(0, 0, 0.0)
    assert (len(kept), kept.bytes) == (0, 0)


def test_what_fits_is_purged() -> None:
    kept = memory()
    for tenant in ("acme", "other"):
        kept.put(plain(tenant.encode(), tenant=tenant), 0.0)
    assert kept.purge(lambda each: each.tenant == "acme") == [b"acme"]
    assert (kept.get(b"acme", 1.0), kept.get(b"other", 1.0) is not None) == (None, True)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3000), st.booleans()), max_size=60))
def test_the_bounds_hold(steps: list[tuple[int, int, bool]]) -> None:
    kept = memory(entries=4, size=8000)
    for name, size, put in steps:
        if put:
            kept.put(plain(b"%d" % name, answer=b"x" * size), 0.0)
        else:
            kept.get(b"%d" % name, 0.0)
        assert len(kept) <= 4
        there = [kept.get(b"%d" % each, 0.0) for each in range(6)]
        assert kept.bytes == sum(len(each.answer) + sys.getsizeof("") + OVERHEAD for each in there if each) <= 8000
