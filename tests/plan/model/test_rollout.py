"""Every row of the tables in rollout.py, and when a Retiring revision goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import NOW
from tidegate.plan.model.rollout import (
    RETIRE_AFTER,
    Departure,
    Readiness,
    Revision,
    Role,
    Situation,
    advance,
    find,
    next_timer,
)

A, B, D = "aaaa", "bbbb", "dddd"


def rev(
    name: str,
    role: Role,
    ago: float = 300,
    *,
    answered: bool = True,
    completed: bool | None = None,
    silent: float | None = None,
) -> Revision:
    """One that was complete once if it answered, and of which routers have not spoken for `silent` seconds."""
    silent_since = None if silent is None else NOW - timedelta(seconds=silent)
    whole = answered if completed is None else completed
    since = NOW - timedelta(seconds=ago)
    return Revision(name, role, since, replicas=2, answered=answered, completed=whole, silent_since=silent_since)


NEVER_WHOLE = rev(D, "Active", 20, completed=False)


def step(
    *known: Revision,
    ready: dict[str, int],
    wanted: int = 2,
    left: dict[str, Departure] | None = None,
    room_for: str = "",
    absent: str = "",
) -> tuple[Revision, ...]:
    """One step towards D."""
    readiness = {name: Readiness(count, wanted, exists=name != absent) for name, count in ready.items()}
    situation = Situation(D, D, wanted, readiness, left or {}, room_for)
    return advance(known, situation, NOW)


def roles(revisions: tuple[Revision, ...]) -> dict[str, str]:
    return {r.name: r.role for r in revisions}


@pytest.mark.parametrize(
    ("known", "ready", "more", "after"),
    [
        # none: one answers
        ([rev(A, "Retiring")], {A: 1, D: 0}, {}, {A: "Active", D: "Candidate"}),
        # none: none answers
        ([], {}, {}, {D: "Active"}),
        ([rev(A, "Retiring")], {A: 0}, {}, {D: "Active", A: "Retiring"}),
        # the newest: it answers, or no other does
        ([rev(D, "Active")], {D: 2}, {}, {D: "Active"}),
        ([rev(D, "Active")], {D: 0}, {}, {D: "Active"}),
        ([rev(D, "Active"), rev(A, "Retiring", 20)], {D: 1, A: 2}, {}, {D: "Active", A: "Retiring"}),
        ([rev(D, "Active"), rev(A, "Retiring")], {D: 0, A: 0}, {}, {D: "Active", A: "Retiring"}),
        # the newest, silent: another one answers
        ([rev(D, "Active"), rev(A, "Retiring")], {D: 0, A: 1}, {}, {A: "Active", D: "Candidate"}),
        # the newest, in part and never complete yet: another one is complete
        ([NEVER_WHOLE, rev(A, "Retiring", 20)], {D: 1, A: 2}, {}, {A: "Active", D: "Candidate"}),
        ([NEVER_WHOLE, rev(A, "Retiring", 20)], {D: 1, A: 1}, {}, {D: "Active", A: "Retiring"}),
        ([NEVER_WHOLE, rev(A, "Retiring", 20)], {D: 2, A: 2}, {}, {D: "Active", A: "Retiring"}),
        ([NEVER_WHOLE, rev(A, "Retiring", 20)], {D: 1, A: 2}, {"absent": A}, {D: "Active", A: "Retiring"}),
        # any: a person makes room; also when the pass that made it was interrupted
        ([NEVER_WHOLE, rev(A, "Retiring", 20)], {D: 1, A: 2}, {"room_for": D}, {D: "Active"}),
        ([NEVER_WHOLE, rev(A, "Retiring", 20)], {D: 0, A: 2}, {"room_for": D}, {D: "Active"}),
        ([rev(A, "Active")], {A: 2}, {"room_for": D}, {D: "Active"}),
        ([rev(A, "Active"), rev(D, "Candidate")], {A: 2, D: 0}, {"room_for": D}, {D: "Active"}),
        ([rev(A, "Active")], {A: 2}, {"room_for": B}, {A: "Active", D: "Candidate"}),
        # older: the newest is complete
        ([rev(A, "Active"), rev(D, "Candidate")], {A: 2, D: 2}, {}, {D: "Active", A: "Retiring"}),
        ([rev(A, "Active"), rev(D, "Candidate")], {A: 0, D: 2}, {}, {D: "Active", A: "Retiring"}),
        # older, answers: the newest is not complete
        ([rev(A, "Active")], {A: 1}, {}, {A: "Active", D: "Candidate"}),
        ([rev(A, "Active"), rev(D, "Candidate")], {A: 1, D: 1}, {}, {A: "Active", D: "Candidate"}),
        ([rev(A, "Active"), rev(D, "Candidate")], {A: 1, D: 2}, {"absent": D}, {A: "Active", D: "Candidate"}),
        ([rev(A, "Active"), rev(D, "Retiring")], {A: 1, D: 0}, {}, {A: "Active", D: "Candidate"}),
        # older, silent: the newest answers in part
        ([rev(A, "Active"), rev(D, "Candidate")], {A: 0, D: 1}, {}, {D: "Active", A: "Retiring"}),
        # older, silent: one that is Retiring answers
        ([rev(A, "Active"), rev(B, "Retiring")], {A: 0, B: 1}, {}, {B: "Active", D: "Candidate", A: "Retiring"}),
        # older, silent: it has never answered
        ([rev(A, "Active", answered=False)], {A: 0}, {}, {D: "Active"}),
        # older, silent: it has answered before
        ([rev(A, "Active")], {A: 0}, {}, {A: "Active", D: "Candidate"}),
        ([rev(A, "Active"), rev(D, "Candidate", answered=False)], {A: 0, D: 0}, {}, {A: "Active", D: "Candidate"}),
        # nobody is wanted: the newest is complete as soon as it is there
        ([rev(A, "Active"), rev(D, "Candidate")], {A: 0, D: 0}, {"wanted": 0}, {D: "Active", A: "Retiring"}),
        ([rev(A, "Active")], {A: 0, D: 0}, {"wanted": 0, "absent": D}, {A: "Active", D: "Candidate"}),
    ],
)  # fmt: skip
def test_who_has_the_traffic(
    known: list[Revision], ready: dict[str, int], more: dict[str, Any], after: dict[str, str]
) -> None:
    assert roles(step(*known, ready=ready, **more)) == after


@pytest.mark.parametrize(("answered", "ready", "stays"), [(False, 0, False), (False, 1, True), (True, 0, True)])
def test_a_candidate_that_is_overtaken(answered: bool, ready: int, stays: bool) -> None:
    """Who ever answered may be sent to, or may be all that is left; who never did goes at once."""
    after = step(rev(A, "Active"), rev(B, "Candidate", answered=answered), ready={A: 1, B: ready})
    assert roles(after) == {A: "Active", D: "Candidate"} | ({B: "Retiring"} if stays else {})


LONG = 100 * RETIRE_AFTER


@pytest.mark.parametrize(
    ("departure", "silent", "stays"),
    [
        ("left", None, False),
        ("left", 1, False),
        ("sending", None, True),
        ("sending", LONG, True),
        ("silent", None, True),  # however long it is Retiring: the silence begins now
        ("silent", RETIRE_AFTER - 1, True),
        ("silent", RETIRE_AFTER, False),
    ],
)
@pytest.mark.parametrize("ago", [0, LONG])
def test_when_a_retiring_revision_goes(departure: Departure, silent: float | None, stays: bool, ago: float) -> None:
    retiring = rev(A, "Retiring", ago, silent=silent)
    after = step(rev(D, "Active"), retiring, ready={D: 1, A: 2}, left={A: departure})
    assert (A in roles(after)) == stays


@pytest.mark.parametrize("departure", ["left", "silent"])
def test_nobody_goes_before_the_active_one_was_complete_once(departure: Departure) -> None:
    before = (NEVER_WHOLE, rev(A, "Retiring", LONG, silent=LONG))
    assert roles(step(*before, ready={D: 1, A: 1}, left={A: departure})) == {D: "Active", A: "Retiring"}
    assert roles(step(*before, ready={D: 2, A: 1}, left={A: departure})) == {D: "Active"}


@pytest.mark.parametrize(
    ("departure", "before", "since"),
    [("silent", None, 0), ("silent", 20, 20), ("sending", 20, None), ("silent", 59, 59)],
)
def test_since_when_routers_are_silent(departure: Departure, before: float | None, since: float | None) -> None:
    """It is counted from the silence, and from its beginning again when a router has spoken."""
    retiring = rev(A, "Retiring", LONG, silent=before)
    after = find(step(rev(D, "Active"), retiring, ready={D: 2, A: 2}, left={A: departure}), "Retiring")
    assert after
    assert after.silent_since == (None if since is None else NOW - timedelta(seconds=since))


def test_who_is_not_retiring_has_no_silence() -> None:
    after = step(rev(A, "Retiring", silent=30), ready={A: 1})
    assert [(r.name, r.role, r.silent_since) for r in after] == [(A, "Active", None), (D, "Candidate", None)]


def test_a_whole_one_that_is_silent_for_a_moment_gets_the_traffic_back() -> None:
    """Ten of ten, a candidate with one of ten, and one reading of nobody."""
    before = (rev(A, "Active"), rev(D, "Candidate", answered=False))
    moment = step(*before, ready={A: 0, D: 1}, wanted=10)
    assert roles(moment) == {D: "Active", A: "Retiring"}
    for departure in ("left", "silent", "sending"):
        again = step(*moment, ready={A: 10, D: 1}, wanted=10, left={A: departure})
        assert roles(again) == {A: "Active", D: "Candidate"}


@pytest.mark.parametrize("departure", ["left", "silent"])
def test_nobody_goes_while_the_active_one_is_silent(departure: Departure) -> None:
    after = step(rev(D, "Active"), rev(A, "Retiring", 9999), ready={D: 0, A: 0}, left={A: departure})
    assert roles(after) == {D: "Active", A: "Retiring"}


def test_what_becomes_retiring_now_does_not_go_now() -> None:
    after = step(rev(A, "Active", 9999), rev(D, "Candidate"), ready={A: 2, D: 2}, left={A: "left"})
    assert roles(after) == {D: "Active", A: "Retiring"}
    assert [r.since for r in after] == [NOW, NOW]


def test_the_role_keeps_its_time() -> None:
    before = (rev(A, "Active"), rev(D, "Candidate", 20))
    after = step(*before, ready={A: 2, D: 0})
    assert [(r.name, r.since) for r in after] == [(r.name, r.since) for r in before]


def test_a_retiring_one_is_not_scaled_with_the_model() -> None:
    after = step(rev(D, "Active"), rev(A, "Retiring", 1), ready={D: 5, A: 2}, wanted=5)
    assert {r.name: r.replicas for r in after} == {D: 5, A: 2}


def test_who_answers_is_remembered() -> None:
    first = step(ready={D: 0})
    assert not first[0].answered
    second = step(*first, ready={D: 1})
    assert second[0].answered
    assert step(*second, ready={D: 0})[0].answered


def test_who_is_complete_is_remembered() -> None:
    first = step(ready={D: 1})
    assert not first[0].completed
    second = step(*first, ready={D: 2})
    assert second[0].completed
    assert step(*second, ready={D: 0})[0].completed
    assert not step(ready={D: 0}, wanted=0, absent=D)[0].completed
    assert step(ready={D: 0}, wanted=0)[0].completed, "nobody is wanted, and nobody is missing"


def test_since_when_engines_are_missing() -> None:
    (first,) = step(ready={D: 0})
    assert first.incomplete_since == NOW
    earlier = replace(first, incomplete_since=NOW - timedelta(minutes=3))
    assert step(earlier, ready={D: 1})[0].incomplete_since == earlier.incomplete_since
    assert step(earlier, ready={D: 2})[0].incomplete_since is None


def test_what_it_means_is_kept_with_another_name() -> None:
    situation = Situation("old1", "meaning", 1, {}, {})
    (made,) = advance((), situation, NOW)
    assert (made.name, made.identity) == ("old1", "meaning")
    (made,) = advance((), replace(situation, newest="meaning"), NOW)
    assert (made.name, made.identity) == ("meaning", "")


def test_next_timer() -> None:
    budget = 100.0
    assert next_timer((rev(D, "Active"),), budget, NOW) is None
    two = (rev(D, "Active"), rev(A, "Retiring", silent=20), rev(B, "Retiring", silent=50))
    assert next_timer(two, budget, NOW) == RETIRE_AFTER - 50
    for waits in (rev(A, "Retiring", 20), rev(A, "Retiring", silent=500)):
        assert next_timer((waits,), budget, NOW) is None, "it waits for an event, not for time"
    late = replace(rev(D, "Active"), incomplete_since=NOW - timedelta(seconds=97))
    assert next_timer((late,), budget, NOW) == 3
