"""Every row of the table in zero.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.scaling.looks import NOW, engine, later, look, starting, steady, through
from tidegate.plan.scaling.decide import decide
from tidegate.plan.scaling.seen import Seen
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.state import State
from tidegate.plan.scaling.zero import Floor, floor

IDLE = engine(kv=0.0, running=0)
NOTHING = look(arrived=0)
QUIET = look(IDLE, arrived=0)
SILENT = "an engine or a router says nothing"
TO_ZERO = Settings(least=0, most=8, idle_after=600.0)


@pytest.mark.parametrize(
    ("seen", "scheduled", "busy", "found"),
    [
        (NOTHING, 4, -9e9, Floor(4)),
        (look(arrived=1), 0, 0.0, Floor(1, words="a request waits for the first engine")),
        (look(arrived=0, held=1), 0, -9e9, Floor(1, words="a request waits for the first engine")),
        (look(arrived=None), 0, -9e9, Floor(0, True, "nobody asks")),
        (NOTHING, 0, -9e9, Floor(0, True, "nobody asks")),
        (look(replace(IDLE, read=NOW - 60), arrived=0), 0, -9e9, Floor(1, why=SILENT)),
        (look(IDLE, arrived=None), 0, -9e9, Floor(1, why=SILENT)),
        (
            replace(look(IDLE, arrived=0), unheard="a router says nothing"),
            0,
            -9e9,
            Floor(1, why="a router says nothing"),
        ),
        (QUIET, 0, -599.0, Floor(1, why="somebody asked 599 s ago, and the last one leaves after 600")),
        (QUIET, 0, -600.0, Floor(0, True, "nobody asked for 600 s")),
    ],
)
def test_the_table(seen: Seen, scheduled: int, busy: float, found: Floor) -> None:
    assert floor(seen, 0, scheduled, 600.0, NOW + busy) == found


def test_a_minimum_over_zero_stays() -> None:
    assert floor(QUIET, 2, 0, None, NOW - 9e9) == Floor(2)


def test_the_last_one_leaves_after_the_idle_time_whatever_is_in_reserve() -> None:
    reserve = replace(State(), headroom=replace(State().headroom, replicas=2.0))
    assert steady(QUIET, TO_ZERO, 595.0, reserve).replicas >= 1
    gone = steady(QUIET, TO_ZERO, 600.0, reserve)
    assert (gone.replicas, gone.limit, gone.words) == (0, "Zero", "nobody asked for 600 s")


def test_a_request_starts_the_first_one_at_once() -> None:
    empty = steady(NOTHING, TO_ZERO, 60.0)
    assert empty.replicas == 0
    first = decide(later(NOTHING, 65.0, held=1, arrived=1), TO_ZERO, empty.state)
    assert (first.replicas, first.limit) == (1, "Zero")


def test_the_first_one_stays_while_it_starts_though_the_request_was_given_up() -> None:
    woken = decide(look(arrived=1, held=1), TO_ZERO, State())
    seen = look(starting(), arrived=0)
    stays = through((later(seen, 5.0 * i) for i in range(1, 100)), TO_ZERO, woken.state)
    assert {decision.replicas for decision in stays} == {1}
