"""Every row of the table of queries."""

from __future__ import annotations

from math import inf, nan

import pytest

from tidegate.plan.gates.counts import Gap
from tidegate.plan.gates.custom import Answer, Bounds, judge_query
from tidegate.plan.gates.verdict import Verdict

LEAST = Bounds(lowest=0.9)
PATIENT = Bounds(lowest=0.9, failure_limit=2)


def one(value: str) -> Answer:
    return Answer("vector", [value])


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        # none: the question failed
        (Gap("error", "Prometheus did not answer"), Verdict("error", "Prometheus did not answer")),
        (Gap("stale", "the newest value is 95 s old"), Verdict("no data", "the newest value is 95 s old")),
        # a string, or ranges instead of an instant
        (Answer("string", ["1.5"]), Verdict("error", "the query gives a string: it must give one number")),
        (Answer("matrix", ["1.5"]), Verdict("error", "the query gives a matrix: it must give one number")),
        # no series
        (Answer("vector", []), Verdict("no data", "the query gives nothing")),
        # several series
        (Answer("vector", ["1", "1", "1"]), Verdict("error", "the query gives 3 series: it must give one")),
        # NaN
        (one("NaN"), Verdict("error", "the query gives NaN, as 0 divided by 0 does")),
        # infinite, or no number
        (one("+Inf"), Verdict("error", "the query gives +Inf")),
        (one("-Inf"), Verdict("error", "the query gives -Inf")),
        (one("many"), Verdict("error", "the query gives 'many', which is no number")),
        # outside, with more
        (one("0.85"), Verdict("failed", "0.85 is under 0.9")),
        # else
        (one("0.93"), Verdict("passed", "0.93 (at least 0.9)")),
        (one("0.9"), Verdict("passed", "0.9 (at least 0.9)")),
        (Answer("scalar", ["1"]), Verdict("passed", "1 (at least 0.9)")),
    ],
)
def test_the_table(answer: Answer | Gap, verdict: Verdict) -> None:
    failed = verdict.outcome == "failed"
    assert judge_query(answer, LEAST) == (verdict, int(failed))


def test_failures_are_counted_over_the_rollout() -> None:
    """A good look between them takes none back."""
    seen, failures = [], 0
    for value in ("0.85", "0.95", "0.8", "NaN", "0.89"):
        verdict, failures = judge_query(one(value), PATIENT, failures)
        seen.append((verdict.outcome, failures))
    assert seen == [("inconclusive", 1), ("passed", 1), ("inconclusive", 2), ("error", 2), ("failed", 3)]


@pytest.mark.parametrize(
    ("limit", "words"),
    [(1, "0.85 is under 0.9: failure 1, 1 is tolerated"), (2, "0.85 is under 0.9: failure 1, 2 are tolerated")],
)
def test_what_is_tolerated_is_said(limit: int, words: str) -> None:
    assert judge_query(one("0.85"), Bounds(lowest=0.9, failure_limit=limit))[0] == Verdict("inconclusive", words)


@pytest.mark.parametrize(
    ("value", "outcome", "words"),
    [
        ("3", "failed", "3 is over 2.5"),
        ("0.5", "failed", "0.5 is under 1"),
        ("2.5", "passed", "2.5 (at least 1, at most 2.5)"),
    ],
)
def test_two_bounds(value: str, outcome: str, words: str) -> None:
    verdict, _ = judge_query(one(value), Bounds(lowest=1, highest=2.5))
    assert (verdict.outcome, verdict.words) == (outcome, words)


def test_a_highest_one_alone() -> None:
    assert judge_query(one("-7"), Bounds(highest=0))[0] == Verdict("passed", "-7 (at most 0)")


@pytest.mark.parametrize(("lowest", "highest"), [(None, None), (2, 1), (nan, None), (None, inf)])
def test_bounds_that_mean_nothing_are_refused(lowest: float | None, highest: float | None) -> None:
    with pytest.raises(ValueError, match="a lowest or a highest number"):
        Bounds(lowest, highest)
