"""What people are shown does not flap: each row of the table."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.limits import Limit
from tidegate.plan.scaling.shown import APART, HELD, REFRESHED, Shown, show
from tidegate.plan.scaling.state import State


def made(replicas: int, limit: Limit, words: str = "") -> Decision:
    return Decision(replicas, limit, words, (), State())


FIRST = show(None, made(3, "Steady"), 1000.0)


def test_the_first_is_shown() -> None:
    assert (FIRST.decision.limit, FIRST.at) == ("Steady", 1000.0)


def test_another_number_is_shown_at_once() -> None:
    assert show(FIRST, made(4, "Signal"), 1005.0).decision.replicas == 4


def test_the_same_stays() -> None:
    after = show(FIRST, made(3, "Steady", "newer figures"), 1000.0 + REFRESHED - 1)
    assert (after.decision.words, after.at) == ("", 1000.0)


def test_another_reason_has_to_hold() -> None:
    begun = show(FIRST, made(3, "Window"), 1000.0 + APART)
    assert begun.decision.limit == "Steady"
    assert show(begun, made(3, "Window"), 1000.0 + APART + HELD - 1).decision.limit == "Steady"
    assert show(begun, made(3, "Window"), 1000.0 + APART + HELD).decision.limit == "Window"


def test_another_reason_comes_not_too_soon_after_the_last() -> None:
    begun = show(FIRST, made(3, "Max"), 1005.0)
    assert show(begun, made(3, "Max"), 1000.0 + APART - 1).decision.limit == "Steady"
    assert show(begun, made(3, "Max"), 1000.0 + APART).decision.limit == "Max"


def test_a_reason_that_went_back_begins_anew() -> None:
    away = show(show(FIRST, made(3, "Max"), 1090.0), made(3, "Steady"), 1095.0)
    again = show(away, made(3, "Max"), 1105.0)
    assert show(again, made(3, "Max"), 1105.0 + HELD - 1).decision.limit == "Steady"
    assert show(again, made(3, "Max"), 1105.0 + HELD).decision.limit == "Max"


def test_figures_are_refreshed() -> None:
    assert show(FIRST, made(3, "Steady", "newer"), 1000.0 + REFRESHED).decision.words == "newer"


def test_a_clock_that_was_set_back() -> None:
    assert show(FIRST, made(3, "Window"), 500.0).at == 500.0


def flaps(steady: float, every: float) -> list[tuple[float, Limit, Shown]]:
    """An hour of looks, `every` so many seconds, of a load that is Steady and Window in turn, each for `steady` seconds."""
    looked: list[tuple[float, Limit, Shown]] = [(1000.0, "Steady", FIRST)]
    for look in range(1, int(3600 // every)):
        at = 1000.0 + look * every
        limit: Limit = "Window" if (at - 1000.0) // steady % 2 else "Steady"
        looked.append((at, limit, show(looked[-1][2], made(3, limit), at)))
    return looked


def test_flaps_are_not_shown() -> None:
    assert {shown.at for _, _, shown in flaps(10.0, 5.0)} == {1000.0 + REFRESHED * n for n in range(6)}


@pytest.mark.parametrize("every", [4.0, 5.0, 6.0])
@pytest.mark.parametrize("steady", [15.0, 20.0, 29.0, 41.0, 70.0])
def test_what_changes_all_the_time_is_shown_twice_a_minute(steady: float, every: float) -> None:
    times = sorted({shown.at for _, _, shown in flaps(steady, every)})
    assert min(after - before for before, after in pairwise(times)) >= APART


@pytest.mark.parametrize("every", [4.0, 5.0, 6.0])
@pytest.mark.parametrize("steady", [37.0, 41.0, 70.0, 130.0])
def test_a_reason_that_lasts_is_true_within_half_a_minute(steady: float, every: float) -> None:
    for at, limit, shown in flaps(steady, every):
        assert shown.decision.limit == limit or (at - 1000.0) % steady <= 30, at


def test_at_rest_nothing_is_new() -> None:
    shown = [FIRST]
    for look in range(1, int(REFRESHED // 5)):
        shown.append(show(shown[-1], made(3, "Steady", f"{look}"), 1000.0 + look * 5))
    assert {each.decision.words for each in shown} == {""}
