"""What people are shown does not flap: each row of the table."""

from __future__ import annotations

from itertools import pairwise

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
    after = show(FIRST, made(3, "Steady", "newer figures"), 1500.0)
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
    away = show(show(FIRST, made(3, "Max"), 1290.0), made(3, "Steady"), 1295.0)
    again = show(away, made(3, "Max"), 1350.0)
    assert show(again, made(3, "Max"), 1355.0).decision.limit == "Steady"


def test_figures_are_refreshed() -> None:
    assert show(FIRST, made(3, "Steady", "newer"), 1000.0 + REFRESHED).decision.words == "newer"


def test_a_clock_that_was_set_back() -> None:
    assert show(FIRST, made(3, "Window"), 500.0).at == 500.0


def test_an_hour_of_flaps_is_shown_seldom() -> None:
    """A load that is Steady for 60 s and Window for 70."""
    shown: list[Shown] = [FIRST]
    for look in range(1, 721):
        limit: Limit = "Steady" if look * 5 % 130 < 60 else "Window"
        shown.append(show(shown[-1], made(3, limit), 1000.0 + look * 5))
    assert sum(before.at != after.at for before, after in pairwise(shown)) <= 12
