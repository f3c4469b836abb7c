"""Which engines hang: each row of the tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidegate.engines.metrics import Page
from tidegate.plan.scaling.hung import ALONE, LEAST, MOST, OUT, Hung, Standing, follow, judge, resumed

BUSY = Page(running=4, waiting=2, kv=0.5, prompt=100.0, generated=1000.0, finished=7.0)


def stands(seconds: float, page: Page = BUSY, now: float = 10_000.0) -> Standing:
    return Standing(page, now, now - seconds)


@pytest.mark.parametrize(
    ("page", "moves"),
    [
        (BUSY, False),
        (replace(BUSY, waiting=50), False),
        (replace(BUSY, running=3, finished=8.0), False),
        (replace(BUSY, kv=0.4), False),
        (replace(BUSY, generated=1001.0), True),
        (replace(BUSY, prompt=300.0), True),
        (replace(BUSY, kv=0.51), True),
        (replace(BUSY, running=0, waiting=0), True),
        (Page(1, 0, 0.1, 0.0, 0.0), True),
    ],
)
def test_what_movement_is(page: Page, moves: bool) -> None:
    """Who comes, gives up or is dropped is none; a piece of a long prompt takes KV, and a process that began anew counts from 0."""
    assert (follow(Standing(BUSY, 100.0, 90.0), page, 102.0).moved == 102.0) is moves


def test_one_whose_clients_have_given_up_hangs_all_the_same() -> None:
    empty = replace(BUSY, running=0, waiting=0, kv=0.0)
    given_up = follow(stands(LEAST), empty, 10_002.0)
    assert given_up.hangs
    assert not follow(given_up, replace(empty, running=1, generated=1001.0), 10_004.0).hangs


def test_a_long_prefill_never_hangs() -> None:
    standing = follow(None, replace(BUSY, running=1, kv=0.0), 0.0)
    for second in range(2, 600, 2):
        standing = follow(standing, replace(BUSY, running=1, kv=second / 600), float(second))
        assert not standing.hangs


def test_a_pause_that_ended_teaches_patience() -> None:
    paused = replace(stands(0), at=1016.0, moved=1000.0)
    went_on = follow(paused, replace(BUSY, generated=1001.0), 1018.0)
    assert (went_on.pause, went_on.limit) == (16.0, 48.0)
    assert stands(0).limit == LEAST
    assert replace(stands(0), pause=200.0).limit == MOST


def test_a_clock_that_was_set_back() -> None:
    assert follow(stands(500), BUSY, 20.0) == Standing(BUSY, 20.0, 20.0)


def verdict(*stood: float, before: tuple[Hung, ...] = ()) -> list[tuple[str, bool, bool]]:
    standings = {f"e{n}": stands(seconds) for n, seconds in enumerate(stood)}
    found = judge(standings, list(standings), before, 10_000.0)
    return [(one.uid, one.out, one.evicted) for one in found]


@pytest.mark.parametrize(
    ("stood", "expected"),
    [
        ((LEAST - 1, 0, 0), []),
        ((LEAST, 0, 0), [("e0", True, False)]),
        ((LEAST, 0), [("e0", True, False)]),
        ((LEAST, 30, 0), [("e1", True, False), ("e0", False, False)]),
        ((LEAST,) * 2 + (0,) * 4, [("e0", True, False), ("e1", True, False)]),
        ((LEAST, LEAST), [("e0", False, False), ("e1", False, False)]),
        ((LEAST + OUT, 0, 0), [("e0", True, True)]),
        ((LEAST + OUT,) * 2 + (0,) * 4, [("e0", True, True), ("e1", True, False)]),
        ((LEAST + OUT,), [("e0", False, False)]),
        ((LEAST + ALONE,), [("e0", False, True)]),
    ],
)
def test_the_table(stood: tuple[float, ...], expected: list[tuple[str, bool, bool]]) -> None:
    assert verdict(*stood) == expected


def test_who_is_out_stays_out() -> None:
    before = (Hung("e1", 9_000.0, 6, out=True),)
    assert verdict(50, 30, 0, before=before) == [("e1", True, False), ("e0", False, False)]


def test_silence_is_no_verdict() -> None:
    old = replace(stands(100), at=9_900.0)
    assert judge({"e0": old, "e1": stands(0)}, ["e0", "e1"], (), 10_000.0) == ()


def test_who_leaves_is_not_judged() -> None:
    assert judge({"e0": stands(100), "e1": stands(0)}, ["e1"], (), 10_000.0) == ()


def test_one_that_is_out_and_falls_silent_stays_out() -> None:
    """A process that hangs as a whole does not answer for its metrics, either."""
    old, before = replace(stands(100), at=9_900.0), (Hung("e0", 9_800.0, 6, out=True, evicted=True),)
    [found] = judge({"e0": old, "e1": stands(0)}, ["e0", "e1"], before, 10_000.0)
    assert found == replace(before[0], evicted=False), "and nothing is evicted that was not read"


def test_one_that_hung_before_the_operator_began_hangs_until_it_moves() -> None:
    """And one reading evicts nobody: it may have moved meanwhile."""
    first = resumed(BUSY, 10_000.0)
    assert first.hangs
    [found] = judge({"e0": first, "e1": stands(0)}, ["e0", "e1"], (), 10_000.0)
    assert (found.out, found.evicted) == (True, False)
    assert not follow(first, replace(BUSY, generated=1001.0), 10_002.0).hangs
