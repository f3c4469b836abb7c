"""Every row of the table in limits.py, through whole decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.scaling.looks import NOW, TAUGHT, engine, later, look, starting, steady, through
from tidegate.plan.scaling.decide import decide
from tidegate.plan.scaling.policies import Direction, Policy
from tidegate.plan.scaling.schedules import Schedule
from tidegate.plan.scaling.seen import Reading, Seen
from tidegate.plan.scaling.settings import Settings, Signal
from tidegate.plan.scaling.state import State

BUSY = look(*(engine(kv=0.9, running=27) for _ in range(2)))
CALM = look(*(engine(kv=0.05, running=2) for _ in range(4)), arrived=1)
NO_WINDOW = Direction(window=0.0, tolerance=0.1)
FAST = Settings(down=NO_WINDOW)


def test_up_at_once_and_down_at_once_without_limits() -> None:
    up, down = decide(BUSY, FAST, State()), steady(CALM, FAST, 120.0)
    assert (up.replicas, up.limit) == (3, "Signal")
    assert up.words == "under way: 1.80 of 2 engines are in use"
    assert (down.replicas, down.limit) == (1, "Signal")


QUERY = Signal("q", "query", 10.0)
MISSING = "q: Prometheus did not answer"
SILENT = replace(CALM, engines=[*CALM.engines[:3], engine(read=NOW - 16)])


@pytest.mark.parametrize(
    ("seen", "settings", "words"),
    [
        (SILENT, FAST, "1 engines say nothing"),
        (replace(CALM, arrived=None), FAST, "a router says nothing"),
        (
            replace(CALM, readings={"q": Reading(error="Prometheus did not answer")}),
            replace(FAST, signals=(QUERY,)),
            MISSING,
        ),
    ],
)
def test_nothing_leaves_while_somebody_is_silent(seen: Seen, settings: Settings, words: str) -> None:
    found = steady(seen, settings, 600.0)
    assert (found.replicas, found.limit, found.words) == (4, "NoMetrics", words)


def test_more_come_while_somebody_is_silent() -> None:
    half = replace(
        BUSY,
        replicas=3,
        engines=[*(engine(kv=0.99, running=40) for _ in range(2)), engine(read=NOW - 16)],
        arrived=None,
    )
    assert decide(half, replace(FAST, least=1), State(learned=TAUGHT)).replicas == 3
    assert decide(replace(half, held=1500), FAST, State(learned=TAUGHT)).replicas > 3


def test_the_window_down() -> None:
    settings = Settings(down=Direction(window=300.0, tolerance=0.1))
    busy = steady(look(*(engine(kv=0.6, running=18) for _ in range(4))), settings, 400.0)
    assert busy.replicas == 4
    calm = through((later(CALM, 405.0 + 5 * i) for i in range(100)), settings, busy.state)
    held = [decision.limit for decision in calm if decision.replicas == 4]
    assert 58 <= len(held) <= 75
    assert held[-1] == "Window"
    assert calm[len(held)].replicas < 4


def test_nothing_leaves_in_the_first_window() -> None:
    found = decide(CALM, Settings(), State())
    assert (found.replicas, found.limit, found.words) == (4, "Window", "nothing leaves in the first 180 s")
    assert steady(CALM, Settings(), 175.0).replicas == 4
    assert steady(CALM, Settings(), 250.0).replicas < 4


def test_a_gap_between_looks_begins_a_window() -> None:
    settled = steady(CALM, Settings(), 170.0)
    assert decide(later(CALM, 210.0), Settings(), settled.state).limit == "Window"


@pytest.mark.parametrize(("startup", "window"), [(40.0, 180.0), (300.0, 300.0), (900.0, 600.0)])
def test_the_window_follows_the_startup(startup: float, window: float) -> None:
    took = [replace(one, created=NOW - 3600 - startup) for one in CALM.engines]
    found = decide(replace(CALM, engines=took), Settings(), State())
    assert found.words == f"nothing leaves in the first {window:.0f} s"


def test_the_window_up() -> None:
    settings = replace(FAST, up=Direction(window=60.0))
    calm = steady(look(*(engine(kv=0.3, running=9) for _ in range(2))), settings, 120.0)
    assert calm.replicas == 2
    rise = through((later(BUSY, 125.0 + 5 * i) for i in range(30)), settings, calm.state)
    assert rise[0].replicas == 2
    assert "Window" in {decision.limit for decision in rise}
    assert rise[-1].replicas == 3


def test_the_least_life() -> None:
    young = [engine(kv=0.05, running=2, ready=-100.0), starting()]
    seen = look(*(engine(kv=0.05, running=2) for _ in range(2)), *young, arrived=1)
    found = decide(seen, FAST, State())
    assert (found.replicas, found.limit, found.words) == (2, "LeastLife", "2 start or became ready within 120 s")


@pytest.mark.parametrize(("age", "replicas"), [(119.0, 2), (120.0, 1)])
def test_the_least_life_ends(age: float, replicas: int) -> None:
    seen = look(*(engine(kv=0.05, running=2, ready=-age) for _ in range(2)), arrived=1)
    assert decide(seen, FAST, State()).replicas == replicas


def test_the_tolerance_up() -> None:
    """1.8 full engines ask for 2.67: 33 % more than there are."""
    tolerant = replace(FAST, up=Direction(tolerance=0.35))
    assert decide(BUSY, replace(FAST, up=Direction(tolerance=0.3)), State()).replicas == 3
    assert decide(BUSY, tolerant, State()).replicas == 2


def test_policies() -> None:
    one = Policy("Pods", 1, 60.0)
    up = replace(FAST, up=Direction(policies=(one,)))
    backlog = replace(BUSY, held=1000)
    first = decide(backlog, up, State(learned=TAUGHT))
    assert (first.replicas, first.limit, first.words) == (3, "Policy", "scaleUp lets it be 3")
    grown = later(replace(backlog, replicas=3), 5.0)
    assert decide(grown, up, first.state).replicas == 3
    assert decide(later(replace(backlog, replicas=3), 61.0), up, first.state).replicas == 4
    down = replace(FAST, down=replace(NO_WINDOW, policies=(one,)))
    assert steady(CALM, down, 0.0).words == "scaleDown lets it be 3"
    assert decide(CALM, replace(FAST, down=replace(NO_WINDOW, select="Disabled")), State()).replicas == 4
    assert decide(backlog, replace(FAST, up=Direction(select="Disabled")), State(learned=TAUGHT)).replicas == 2


@pytest.mark.parametrize(("room", "replicas"), [(None, 12), (0, 3), (1, 3), (-1, 3), (3, 5), (100, 12)])
def test_gpus(room: int | None, replicas: int) -> None:
    found = decide(replace(BUSY, held=3000, room=room), FAST, State(learned=TAUGHT))
    assert found.replicas == replicas
    assert (found.limit == "GPUs") is (replicas < 12)


def test_no_second_one_waits_for_a_gpu() -> None:
    """The first one is seen by whoever adds nodes."""
    waits = replace(BUSY, held=3000, room=0, replicas=BUSY.replicas + 1)
    found = decide(waits, FAST, State(learned=TAUGHT))
    assert (found.replicas, found.words) == (waits.replicas, "GPUs are free for 0 more")


def test_bounds() -> None:
    most = decide(replace(BUSY, held=3000), replace(FAST, most=5), State(learned=TAUGHT))
    assert (most.replicas, most.limit) == (5, "Max")
    assert most.words.startswith("maxReplicas is 5; backlog: 3000 requests wait")
    least = steady(CALM, replace(FAST, least=3), 60.0)
    assert (least.replicas, least.limit, least.words) == (3, "Min", "minReplicas is 3")
    edited = decide(replace(SILENT), replace(FAST, most=2), State())
    assert (edited.replicas, edited.limit) == (2, "Max")


def test_a_schedule() -> None:
    morning = Schedule("morning", "0 8 * * *", "UTC", 3600.0, 6)
    found = decide(CALM, replace(FAST, schedules=(morning,)), State())
    assert (found.replicas, found.limit, found.words) == (6, "Schedule", "schedule morning")
    assert decide(later(CALM, 3600.0), replace(FAST, schedules=(morning,)), State()).replicas < 6
