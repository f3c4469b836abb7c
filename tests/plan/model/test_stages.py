"""Each row of the table in stages.py, and what holds in any order of looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.plan.gates.together import Gate, Policy
from tidegate.plan.gates.verdict import Outcome, Verdict
from tidegate.plan.model.judging.windows import Window
from tidegate.plan.model.stages import (
    BEHIND,
    FREE,
    Course,
    Look,
    Stage,
    Trial,
    aligned,
    judged,
    next_look,
    shares,
    step,
)

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
COURSE = Course((Stage(5, 600.0, engines=1), Stage(25, 0.0, approval=True, engines=3), Stage(50, 600.0, engines=5)))
MINE = -1
"""Every router sends the share of the trial's step."""
LOOK = Look("new", complete=True, sent=MINE)
HELD = Trial("new", 0, NOW, NOW, confirmed=NOW, phase="Holding")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def after(trial: Trial | None, look: Look = LOOK, at: float = 0, course: Course = COURSE) -> tuple[str, int, str]:
    """Phase, step, and what is said."""
    if look.sent == MINE:
        look = replace(look, sent=trial.share(course) if trial else 0)
    made = step(trial, course, look, later(at))
    return made.phase, made.stage, made.message


def gated(*outcomes: Outcome, silent: int = 0, hopeless: bool = False, **look: str) -> Look:
    """With objectives that say so."""
    gates = tuple(Gate(f"o{i}", Verdict(outcome, "x"), silent, hopeless) for i, outcome in enumerate(outcomes))
    return replace(LOOK, gates=gates, **look)  # type: ignore[arg-type]


PAUSES = replace(COURSE, policy=Policy("Pause"))
IMPATIENT = replace(COURSE, deadline=60.0)
STARTS = "its engines for this step do not all answer"


ABORT = replace(LOOK, abort="new")


@pytest.mark.parametrize(
    ("trial", "look", "at", "course", "wanted"),
    [
        (None, LOOK, 0, COURSE, ("Starting", 0, "its engines start")),
        (replace(HELD, revision="other", stage=2), LOOK, 0, COURSE, ("Starting", 0, "its engines start")),
        (replace(HELD, phase="RolledBack", message="x"), LOOK, 0, COURSE, ("RolledBack", 0, "x")),
        (replace(HELD, phase="RolledBack"), replace(LOOK, retry="new/2"), 0, COURSE, ("Starting", 0, "its engines start")),
        (replace(HELD, phase="RolledBack", retry="new/2", message="x"), replace(LOOK, retry="new/2"), 0, COURSE, ("RolledBack", 0, "x")),
        (HELD, ABORT, 0, COURSE, ("RolledBack", 0, "a person said so")),
        (replace(HELD, abort="new"), ABORT, 0, COURSE, ("Holding", 0, "its hold ends at 2026-11-26T09:10:00Z")),
        (HELD, replace(LOOK, complete=False), 900, COURSE, ("Starting", 0, "its engines for this step do not all answer")),
        (HELD, replace(LOOK, sent=None), 900, COURSE, ("Weighing", 0, "routers are taking its share")),
        (HELD, LOOK, 900, replace(COURSE, paused=True), ("Paused", 0, "paused by spec.rollout.paused")),
        (HELD, LOOK, 599, COURSE, ("Holding", 0, "its hold ends at 2026-11-26T09:10:00Z")),
        (HELD, LOOK, 600, COURSE, ("Starting", 1, "the next step begins")),
        (replace(HELD, stage=1), LOOK, 1, COURSE, ("Waiting", 1, "waits until a person promotes it")),
        (replace(HELD, stage=1), replace(LOOK, promote="new/25%"), 1, COURSE, ("Starting", 2, "the next step begins")),
        (HELD, replace(LOOK, promote="new/25%"), 1, COURSE, ("Holding", 0, "its hold ends at 2026-11-26T09:10:00Z")),
        (HELD, replace(LOOK, promote="new"), 1, COURSE, ("Starting", 1, "the next step begins")),
        (HELD, replace(LOOK, promote="new"), 1, replace(COURSE, paused=True), ("Starting", 1, "the next step begins")),
        (replace(HELD, stage=2), LOOK, 600, COURSE, ("Promoting", 3, FREE)),
        (replace(HELD, stage=3), LOOK, 0, COURSE, ("Promoting", 3, FREE)),
        (replace(HELD, stage=3), ABORT, 0, COURSE, ("RolledBack", 3, "a person said so")),
        # a gate failed, onFailure: Rollback
        (HELD, gated("passed", "failed"), 9, COURSE, ("RolledBack", 0, "o1 failed: x")),
        (HELD, gated("failed", promote="new"), 9, COURSE, ("RolledBack", 0, "o0 failed: x")),
        (replace(HELD, stage=1), replace(gated("failed"), complete=False), 9, COURSE, ("RolledBack", 1, "o0 failed: x")),
        (replace(HELD, stage=3, phase="Promoting"), gated("failed"), 9, COURSE, ("RolledBack", 3, "o0 failed: x")),
        # a gate failed, onFailure: Pause
        (HELD, gated("failed"), 900, PAUSES, ("Paused", 0, "o0 failed: x")),
        (HELD, gated("failed", promote="new"), 9, PAUSES, ("Starting", 1, "the next step begins")),
        (HELD, replace(gated("failed"), complete=False), 9, PAUSES, ("Starting", 0, STARTS)),
        # a gate cannot say anything
        (HELD, gated("error", silent=11), 9, COURSE, ("Paused", 0, "o0 error: x (11 looks in a row)")),
        (HELD, gated("error", hopeless=True), 9, COURSE, ("Paused", 0, "o0 error: x")),
        (HELD, gated("error", silent=11, promote="new"), 9, COURSE, ("Starting", 1, "the next step begins")),
        # a gate has not passed
        (HELD, gated("error", silent=10), 900, COURSE, ("Waiting", 0, "o0 error: x")),
        (HELD, gated("passed", "inconclusive"), 599, COURSE, ("Holding", 0, "its hold ends at 2026-11-26T09:10:00Z")),
        (HELD, gated("passed", "inconclusive"), 660, IMPATIENT, ("Waiting", 0, "o1 inconclusive: x")),
        (HELD, gated("inconclusive"), 661, IMPATIENT, ("Paused", 0, "progressDeadline is over: o0 inconclusive: x")),
        (replace(HELD, stage=1), gated("inconclusive"), 9, COURSE, ("Waiting", 1, "o0 inconclusive: x")),
        # what was there when the trial began
        (replace(HELD, promote="new"), replace(LOOK, promote="new"), 1, COURSE, ("Holding", 0, "its hold ends at 2026-11-26T09:10:00Z")),
        (replace(HELD, promote="new"), replace(LOOK, promote="new/5%"), 1, COURSE, ("Starting", 1, "the next step begins")),
        # another step, the last one, free
        (HELD, gated("passed"), 600, COURSE, ("Starting", 1, "the next step begins")),
        (replace(HELD, stage=1), gated("passed"), 600, COURSE, ("Waiting", 1, "waits until a person promotes it")),
        (replace(HELD, stage=3), gated("failed"), 9, PAUSES, ("Paused", 2, "o0 failed: x")),
        (replace(HELD, stage=3), gated("failed", promote="new"), 9, PAUSES, ("Promoting", 3, FREE)),
    ],
)  # fmt: skip
def test_row(trial: Trial | None, look: Look, at: float, course: Course, wanted: tuple[str, int, str]) -> None:
    assert after(trial, look, at, course) == wanted


@pytest.mark.parametrize(
    ("trial", "answers", "share"),
    [
        (None, True, 0),
        (replace(HELD, phase="Starting"), True, 0),
        (replace(HELD, phase="Weighing"), True, 5),
        (replace(HELD, phase="Weighing"), False, 0),
        (HELD, True, 5),
        (replace(HELD, stage=1, phase="Starting"), True, 5),
        (replace(HELD, stage=1, phase="Waiting"), True, 25),
        (replace(HELD, stage=2, phase="Paused"), True, 50),
        (replace(HELD, stage=3, phase="Promoting"), True, 50),
        (replace(HELD, stage=2, phase="RolledBack"), True, 0),
    ],
)
def test_share(trial: Trial | None, answers: bool, share: int) -> None:
    assert shares(trial, COURSE, answers) == share


def test_engines() -> None:
    wanted = [replace(HELD, stage=stage).engines(COURSE, 10) for stage in range(4)]
    assert wanted == [1, 3, 5, 10]
    assert HELD.engines(COURSE, 0) == 0
    assert HELD.engines(COURSE, 1) == 1


@pytest.mark.parametrize(
    ("trial", "at", "wait"),
    [
        (None, 0, None),
        (replace(HELD, confirmed=None, phase="Weighing"), 0, None),
        (HELD, 0, 600),
        (HELD, 595, 5),
        (HELD, 700, None),
        (replace(HELD, stage=3, phase="Promoting"), 0, None),
        (replace(HELD, phase="RolledBack"), 0, None),
    ],
)
def test_when_to_look_again(trial: Trial | None, at: float, wait: float | None) -> None:
    assert next_look(trial, COURSE, later(at)) == wait


GATES = st.lists(st.sampled_from(get_args(Outcome)), max_size=2)


@pytest.mark.parametrize(
    ("share", "steps", "wanted"),
    [
        (25, (5, 25, 50), (1, "Holding", NOW)),
        (25, (5, 25), (1, "Holding", NOW)),
        (25, (25, 50), (0, "Holding", NOW)),
        (25, (5, 10), (1, "Weighing", None)),
        (25, (10, 50), (0, "Weighing", None)),
        (25, (50,), (0, "Weighing", None)),
        (BEHIND, (5,), (1, "Holding", NOW)),
        (100, (5,), (0, "Weighing", None)),
        (100, (0, 100), (1, "Holding", NOW)),
        (0, (5, 25), (0, "Weighing", None)),
    ],
)
def test_a_step_is_known_by_its_share(share: int, steps: tuple[int, ...], wanted: tuple[int, str, datetime]) -> None:
    """The rows of the second table; no edit of the steps sets a revision free."""
    found = aligned(replace(HELD, stage=7), share, Course(tuple(Stage(each, 600.0) for each in steps)))
    assert (found.stage, found.phase, found.confirmed) == wanted


def test_what_was_taken_back_stays_so() -> None:
    back = replace(HELD, phase="RolledBack")
    assert aligned(back, 100, COURSE) == back


def test_windows_follow_the_share() -> None:
    trial = judged(HELD, 5, replace(LOOK, sent=5), NOW)
    assert trial.windows == (Window(5, NOW),)
    assert judged(trial, 5, replace(LOOK, sent=None), later(9)).windows == (Window(5, NOW),)
    assert judged(trial, 25, replace(LOOK, sent=5), later(9)).windows == (Window(5, NOW, later(9)),)


LOOKS = st.builds(
    Look,
    st.sampled_from(["new", "newer"]),
    st.booleans(),
    st.sampled_from([None, 0, 5, 25, 50]),
    GATES.map(lambda outcomes: gated(*outcomes).gates),
    st.sampled_from(["", "new", "newer/5%"]),
    st.sampled_from(["", "new/1"]),
    st.sampled_from(["", "new/2", "newer/3"]),
)


@given(st.lists(st.tuples(LOOKS, st.integers(0, 4000)), max_size=40))
def test_any_order_of_looks(looks: list[tuple[Look, int]]) -> None:
    """A share grows by one step at a time, and only when engines answered and routers sent the one before; what was taken back has
    none until somebody says so."""
    trial, now = None, NOW
    for look, seconds in looks:
        now += timedelta(seconds=seconds)
        before, trial = trial, step(trial, COURSE, look, now)
        assert trial.revision == look.revision
        if before and before.revision == trial.revision and before.stage < trial.stage:
            assert trial.stage == before.stage + 1
            assert look.complete
            assert look.sent == before.share(COURSE)
            assert look.promotes(before, before.share(COURSE)) or all(
                gate.verdict.outcome == "passed" for gate in look.gates
            )
        if before and before.revision == trial.revision and before.phase == "RolledBack" != trial.phase:
            assert look.retry not in ("", before.retry)
        assert 0 <= shares(trial, COURSE, True) <= 50
