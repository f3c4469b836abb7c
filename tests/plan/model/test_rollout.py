"""Every row of the table in rollout.py, and when a Retiring revision goes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.builders import NOW
from tidegate.plan.model.rollout import RETIRE_AFTER, Readiness, Revision, Role, advance, next_check

OLD = NOW - timedelta(minutes=5)
A, B, D = "aaaa", "bbbb", "dddd"


def rev(name: str, role: Role, ago: float = 300) -> Revision:
    return Revision(name, role, NOW - timedelta(seconds=ago))


def roles(revisions: tuple[Revision, ...]) -> list[tuple[str, str]]:
    return [(r.name, r.role) for r in revisions]


def step(*revisions: Revision, ready: dict[str, int], confirmed: bool = False) -> tuple[Revision, ...]:
    """One step towards D, of which two engines are wanted."""
    readiness = {name: Readiness(count, 2) for name, count in ready.items()}
    return advance(revisions, D, readiness, confirmed=confirmed, now=NOW)


def test_none_active() -> None:
    assert step(ready={}) == (Revision(D, "Active", NOW),)


def test_the_newest_is_active_and_nothing_is_left() -> None:
    assert step(rev(D, "Active"), ready={D: 2}) == (rev(D, "Active"),)
    assert step(rev(D, "Active"), ready={D: 0}) == (rev(D, "Active"),)


def test_the_spec_was_changed_back() -> None:
    assert step(rev(D, "Active"), rev(B, "Candidate"), ready={D: 2, B: 1}) == (rev(D, "Active"),)


@pytest.mark.parametrize("others", [(), (rev(B, "Candidate"),), (rev(D, "Retiring", 10),)])
def test_a_new_candidate(others: tuple[Revision, ...]) -> None:
    after = step(rev(A, "Active"), *others, ready={A: 1, B: 2, D: 2})
    assert after == (rev(A, "Active"), Revision(D, "Candidate", NOW))


def test_a_candidate_beside_an_older_retiring_one() -> None:
    after = step(rev(A, "Active"), rev(B, "Retiring", 10), ready={A: 1})
    assert roles(after) == [(A, "Active"), (D, "Candidate"), (B, "Retiring")]


@pytest.mark.parametrize("ready", [0, 1])
def test_the_candidate_is_not_ready(ready: int) -> None:
    revisions = (rev(A, "Active"), rev(D, "Candidate"))
    assert step(*revisions, ready={A: 2, D: ready}) == revisions


def test_the_candidate_is_ready() -> None:
    after = step(rev(A, "Active"), rev(D, "Candidate"), ready={A: 2, D: 2})
    assert after == (Revision(D, "Active", NOW), Revision(A, "Retiring", NOW))


def test_a_workload_that_is_not_there_is_not_ready() -> None:
    readiness = {A: Readiness(1, 0), D: Readiness(0, 0, exists=False)}
    after = advance((rev(A, "Active"), rev(D, "Candidate")), D, readiness, confirmed=False, now=NOW)
    assert roles(after) == [(A, "Active"), (D, "Candidate")]


@pytest.mark.parametrize("others", [(), (rev(B, "Candidate"),), (rev(D, "Candidate"),), (rev(D, "Retiring", 10),)])
def test_no_engine_of_the_active_one_answers(others: tuple[Revision, ...]) -> None:
    after = step(rev(A, "Active"), *others, ready={A: 0, D: 1})
    assert after == (Revision(D, "Active", NOW),)


@pytest.mark.parametrize(
    ("ago", "confirmed", "stays"), [(0, False, True), (59, False, True), (60, False, False), (0, True, False)]
)
def test_when_a_retiring_revision_goes(ago: float, confirmed: bool, stays: bool) -> None:
    after = step(rev(D, "Active"), rev(A, "Retiring", ago), ready={D: 2, A: 2}, confirmed=confirmed)
    assert ((A, "Retiring") in roles(after)) == stays


def test_confirmation_of_the_old_weights_does_not_retire_what_becomes_retiring_now() -> None:
    after = step(rev(A, "Active"), rev(D, "Candidate"), ready={A: 2, D: 2}, confirmed=True)
    assert roles(after) == [(D, "Active"), (A, "Retiring")]


def test_next_check() -> None:
    assert next_check((rev(D, "Active"),), NOW) is None
    two = (rev(D, "Active"), rev(A, "Retiring", 20), rev(B, "Retiring", 50))
    assert next_check(two, NOW) == RETIRE_AFTER - 50
    assert next_check((rev(A, "Retiring", 500),), NOW) == 0.0
