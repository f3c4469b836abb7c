"""What is kept comes back, whoever wrote it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.plan.scaling.looks import TAUGHT, engine, later, look, steady
from tidegate.plan.scaling.decide import decide
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.state import State, kept, kept_days, restored
from tidegate.plan.scaling.ticks import Ticks

SEEN = look(*(engine(kv=0.6, running=18) for _ in range(3)), arrived=20)


def lived() -> State:
    return steady(SEEN, Settings(), 3600.0, State(learned=TAUGHT)).state


def test_it_comes_back() -> None:
    state = lived()
    stored, days = (json.loads(json.dumps(one)) for one in (kept(state), kept_days(state)))
    back = restored(stored, days)
    assert back.days == state.days
    assert back.learned.capacity == pytest.approx(state.learned.capacity, rel=1e-4)
    assert back.headroom.minutes == state.headroom.minutes
    assert (back.startups.seconds, back.changes, back.ticks) == (state.startups.seconds, state.changes, Ticks())
    assert kept(back) == stored


def test_it_is_small() -> None:
    assert len(json.dumps(kept(lived()))) < 2048


def test_after_it_came_back_nothing_leaves_in_the_first_window() -> None:
    state = restored(kept(lived()))
    found = decide(later(replace(SEEN, engines=[engine(kv=0.01, running=0)] * 3), 3700.0), Settings(), state)
    assert (found.replicas, found.limit) == (3, "Window")


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        [],
        {},
        {"learned": 3},
        {"learned": {"rate": "fast"}},
        {"changes": [[1]]},
        {"busy": {}, "headroom": []},
        {"startups": {"seconds": "x"}},
    ],
)
def test_what_cannot_be_read_is_unknown(stored: Any) -> None:
    assert restored(stored, stored) == State()


def test_a_newer_operators_fields_are_no_harm() -> None:
    assert restored({"learned": {"rate": 1.0, "hue": 3}, "mood": 1}).learned.rate == 1.0
