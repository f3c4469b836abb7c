"""The share of wrong hits, its interval, and what becomes of a tier."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.cache.semantic.quality import MOST, OLDEST, Interval, Quality, interval, sampled


def fed(quality: Quality, right: int, wrong: int, now: float = 0.0) -> list[bool]:
    """The wrong ones first; what each changed."""
    return [quality.judged(at >= wrong, now) for at in range(right + wrong)]


@pytest.mark.parametrize(
    ("wrong", "judged", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (2, 100, 0.0024, 0.0704),
    ],
)
def test_the_interval_is_that_of_clopper_and_pearson(wrong: int, judged: int, low: float, high: float) -> None:
    """Against published tables of exact 95 % limits."""
    assert interval(wrong, judged) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 300), st.data())
def test_the_ends_are_where_the_chance_is_that_of_a_tail(judged: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, judged))
    found = interval(wrong, judged)
    assert found.low <= wrong / judged <= found.high

    def chance(numbers: range, share: float) -> float:
        return math.fsum(math.comb(judged, k) * share**k * (1 - share) ** (judged - k) for k in numbers)

    if wrong:
        assert chance(range(wrong, judged + 1), found.low) == pytest.approx(0.025, abs=1e-6)
    if wrong < judged:
        assert chance(range(wrong + 1), found.high) == pytest.approx(0.025, abs=1e-6)


def test_it_is_on_until_surely_more_are_wrong_than_may_be() -> None:
    quality = Quality(0.01)
    assert fed(quality, right=0, wrong=1) == [False]
    assert quality.judged(False, 60.0)
    assert quality.state == "ExactOnly"
    assert quality.since == 60.0
    said = quality.report(60.0)
    assert (said.judged, said.wrong, said.interval) == (0, 0, Interval(0.0, 1.0))
    assert said.says.startswith("2 of 2 answers to similar questions that were looked at were wrong")
    assert "maxFalseHits is 1.0%" in said.says


def test_as_many_wrong_ones_among_many_right_ones_change_nothing() -> None:
    quality = Quality(0.01)
    fed(quality, right=400, wrong=0)
    assert not any(fed(quality, right=0, wrong=4))
    said = quality.report(0.0)
    assert (said.state, said.judged, said.wrong, said.says) == ("On", 404, 4, "")
    assert said.interval.low < 0.01 < said.interval.high


def test_it_comes_back_when_enough_were_right() -> None:
    quality = Quality(0.01)
    fed(quality, right=0, wrong=2)
    assert [at for at, changed in enumerate(fed(quality, right=400, wrong=0)) if changed] == [367]
    assert quality.state == "On"
    assert quality.report(0.0).judged == 400 - 368


def test_a_wrong_one_puts_it_off() -> None:
    quality = Quality(0.01)
    fed(quality, right=0, wrong=2)
    assert not any(fed(quality, right=400, wrong=1))
    assert any(fed(quality, right=400, wrong=0))


def test_where_hardly_any_may_be_wrong_a_full_record_without_one_is_enough() -> None:
    quality = Quality(0.0001)
    fed(quality, right=0, wrong=2)
    assert [at for at, changed in enumerate(fed(quality, right=MOST, wrong=0)) if changed] == [MOST - 1]


def test_what_is_long_ago_no_longer_counts() -> None:
    quality = Quality(0.01)
    fed(quality, right=3, wrong=1)
    assert quality.report(OLDEST).judged == 4
    assert quality.report(OLDEST + 1).judged == 0


@given(st.lists(st.booleans(), max_size=200), st.sampled_from([0.001, 0.01, 0.1, 0.5]))
def test_it_changes_only_for_good_reasons(rights: list[bool], most: float) -> None:
    quality, seen = Quality(most), []
    for right in rights:
        before = quality.state
        seen.append(right)
        changed = quality.judged(right, 0.0)
        share = seen.count(False) / len(seen)
        assert changed == (quality.state != before)
        if changed:
            assert (share > most) == (quality.state == "ExactOnly")
            seen.clear()


def test_a_tier_that_keeps_what_is_promised_is_seldom_switched_off() -> None:
    chance = random.Random(1)
    ended = 0
    for _ in range(100):
        quality = Quality(0.05)
        ended += any(quality.judged(chance.random() >= 0.02, 0.0) for _ in range(300))
    assert ended <= 2


@pytest.mark.parametrize(
    ("share", "draw", "taken"), [(0.02, 0.0, True), (0.02, 0.02, False), (0.0, 0.0, False), (1.0, 0.999, True)]
)
def test_a_sample(share: float, draw: float, taken: bool) -> None:
    assert sampled(share, draw) is taken


@pytest.mark.parametrize(
    ("ours", "said", "changes", "state"),
    [
        ("", ("worse", 9.0), True, "ExactOnly"),
        ("", ("worse", 0.0), False, "On"),
        ("", ("", 9.0), False, "On"),
        ("worse", ("", 9.0), True, "On"),
        ("worse", ("", 4.0), False, "ExactOnly"),
        ("worse", ("much worse", 9.0), False, "ExactOnly"),
    ],
    ids=["newer", "never said", "the same", "right again", "older", "the same for another reason"],
)
def test_what_another_router_has_found(ours: str, said: tuple[str, float], changes: bool, state: str) -> None:
    quality = Quality(0.01)
    assert not ours or quality.follow(ours, 5.0)
    quality.judged(True, 6.0)
    assert quality.follow(*said) is changes
    assert (quality.state, quality.report(6.0).judged) == (state, 0 if changes else 1)
    assert quality.since == max(said[1], 5.0 if ours else 0.0)


def test_a_change_is_newer_than_the_one_before_by_whatever_clock() -> None:
    quality = Quality(0.5)
    quality.follow("worse", 100.0)
    while quality.state == "ExactOnly":
        quality.judged(True, 50.0)
    assert quality.since > 100.0
