"""Every row of the judge's table, and the examples of how it decides."""

from __future__ import annotations

from math import exp

import pytest

from tests.plan.gates.looks import in_one, step
from tidegate.plan.gates.counts import Counts, Gap, Step
from tidegate.plan.gates.judge import LENIENCE, Terms, judge, upper, weigh

ERRORS = Terms("errors", 0.01, objectives=3)
ALONE = Terms("errors", 0.01, tolerance=None, objectives=3)
SLOW = Terms("slower than 500 ms", 0.05, objectives=3)
SILENT = Gap("error", "Prometheus did not answer")
MISSING = Gap("missing", "router chat-7d9f has no counts of the candidate")
STALE = Gap("stale", "the newest counts of router chat-7d9f are 95 s old")


@pytest.mark.parametrize(
    ("steps", "terms", "outcome", "words"),
    [
        # the question was not answered
        ([step(14, gap=SILENT)], ERRORS, "error", "Prometheus did not answer"),
        # compared, W is beyond its bar
        (
            [step(14)],
            ERRORS,
            "failed",
            "errors: 2.6 % of 540, stable 0.5 %; 1,550 : 1 that it is worse by more than the tolerance",
        ),
        ([step(14, gap=MISSING)], ERRORS, "failed", None),
        # O is beyond its bar, not compared
        ([step(16)], ALONE, "failed", "errors: 3 % of 540; 179 : 1 that it is over the limit of 1 %"),
        # O is beyond its bar, compared, W >= ln 5
        (
            [step(50, stable_bad=513)],
            SLOW,
            "failed",
            "slower than 500 ms: 9.3 % of 540, stable 5 %; 383 : 1 that it is over the limit of 5 %, 35 : 1 that it is worse than stable",
        ),
        # a series is not there, or ended
        ([step(3, gap=MISSING)], ERRORS, "no data", "router chat-7d9f has no counts of the candidate"),
        ([step(3, gap=STALE)], ERRORS, "no data", "the newest counts of router chat-7d9f are 95 s old"),
        # O is beyond its bar, compared, W < ln 5
        (
            [step(86, requests=1080, stable=1080, stable_bad=86, parts=36)],
            SLOW,
            "inconclusive",
            "slower than 500 ms: 8 % of 1,080, stable 8 %: over the limit of 5 %, but no worse than stable: shared trouble",
        ),
        # fewer than half of the requests that weights give
        (
            [step(0, requests=12, stable=2148, traffic=0.05)],
            ERRORS,
            "inconclusive",
            "answers 12 of 108 requests given to it",
        ),
        # fewer requests of either than minRequests
        ([step(0, requests=54)], ERRORS, "inconclusive", "54 of 100 requests"),
        ([step(0, stable=99, stable_bad=0)], ERRORS, "inconclusive", "stable has 99 of 100 requests"),
        # W > 0 or O > 0
        (
            [step(9)],
            ERRORS,
            "inconclusive",
            "errors: 1.7 % of 540, stable 0.5 %; 7.5 : 1 that it is worse than stable, fails at 75 : 1",
        ),
        (
            [step(14)],
            ALONE,
            "inconclusive",
            "errors: 2.6 % of 540; 29 : 1 that it is over the limit of 1 %, fails at 60 : 1",
        ),
        # not below
        (
            [step([0] * 17 + [2], requests=100, stable_bad=90)],
            ERRORS,
            "inconclusive",
            "errors: 2 of 100: could still be 4.3 %, passes when less than 3 % is 80 % sure",
        ),
        # else
        ([step(3)], ERRORS, "passed", "errors: 0.56 % of 540 (max 1 %), stable 0.5 %"),
        ([step(3)], ALONE, "passed", "errors: 0.56 % of 540 (max 1 %)"),
        ([step(0, requests=100)], ERRORS, "passed", "errors: 0 % of 100 (max 1 %), stable 0.5 %"),
    ],
)
def test_the_table(steps: list[Step], terms: Terms, outcome: str, words: str | None) -> None:
    verdict = judge(steps, terms)
    assert verdict.outcome == outcome
    assert words is None or verdict.words == words


def test_bars_share_what_confidence_leaves() -> None:
    assert exp(ERRORS.worse_bar) == pytest.approx(75)
    assert exp(ERRORS.over_bar) == pytest.approx(300)
    assert exp(ALONE.over_bar) == pytest.approx(60)
    assert exp(Terms("errors", 0.01, confidence=0.99).worse_bar) == pytest.approx(125)


def test_evidence_is_pooled_over_steps() -> None:
    """Twice a doubtful step is a failed rollout; a good step after a doubtful one passes."""
    verdict = judge([step(9), step(9)], ERRORS)
    assert verdict.outcome == "failed"
    assert verdict.words.startswith("errors: 1.7 % of 1,080 in 2 steps, stable 0.5 %; 124 : 1")
    assert judge([step(9), step(3, requests=2700)], ERRORS).outcome == "passed"


def test_one_bad_half_minute_is_not_enough() -> None:
    """The same 14 errors, all in one interval, are 1.5 : 1; ever more of them in one interval never fail."""
    verdict = judge([step(in_one(14))], ERRORS)
    assert verdict.words == "errors: 2.6 % of 540, stable 0.5 %; 1.5 : 1 that it is worse than stable, fails at 75 : 1"
    assert judge([step(in_one(30))], ERRORS).outcome == "inconclusive"


def test_nothing_fails_at_the_first_look() -> None:
    first = judge([step([75], parts=1, requests=150, stable=2850, stable_bad=15)], ERRORS)
    assert first.outcome == "inconclusive"
    assert first.words.endswith("over 1,000,000 : 1 that it is worse than stable, but most of it in one interval")
    second = judge([step([75, 75], parts=2, requests=300, stable=5700, stable_bad=30)], ERRORS)
    assert second.outcome == "failed"


def test_an_older_gap_is_no_gap() -> None:
    """Counters give later what was not read then."""
    some = step(3)
    assert judge([Step((SILENT, *some.intervals))], ERRORS) == judge([some], ERRORS)


def test_who_answers_few_is_asked_only_when_weights_tell() -> None:
    few = step(0, requests=150, stable=9_850, traffic=0.05)
    assert judge([few], ERRORS).words == "answers 150 of 500 requests given to it"
    assert judge([Step(few.intervals)], ERRORS).outcome == "passed"


@pytest.mark.parametrize(
    ("stable_bad", "words"),
    [
        (1000, "errors: 1.1 % of 540 (max 1 %), stable 9.7 %; both are over the limit"),
        (102, "errors: 1.1 % of 540 (max 1 %), stable 0.99 %; too few to hold against it"),
    ],
)
def test_why_it_passes_over_the_limit(stable_bad: int, words: str) -> None:
    assert judge([step(6, stable_bad=stable_bad)], ERRORS).words == words


def test_no_bad_request_at_all_passes() -> None:
    """W is exactly 0 then."""
    clean = step(0, stable_bad=0)
    assert weigh([clean.known], ERRORS).worse.whole == 0
    assert judge([clean], ERRORS).outcome == "passed"


def test_an_outage_that_stable_shares_holds_nobody_back() -> None:
    """Two minutes of 30 % errors in both revisions, six minutes ago."""
    out = [Counts(570, 171, 30, 9)] * 4
    fine = [Counts(570, 3, 30, i % 5 == 0) for i in range(14)]
    assert judge([Step((*fine[:2], *out, *fine[2:]))], ERRORS).outcome == "passed"


def test_a_limit_under_what_few_requests_can_show_passes_by_them() -> None:
    """p99.9 with 100 requests: one slow one is not held against it, and W and O go on looking."""
    assert judge([step(1, requests=100)], Terms("slower", 0.001)).outcome == "passed"


def test_upper_limits_of_poisson_means() -> None:
    """80 %, one-sided, as tables have them: 1.61, 2.99, 4.28, 5.52."""
    assert [upper(k) for k in range(4)] == pytest.approx([1.61, 2.99, 4.28, 5.52], abs=0.02)
    assert upper(0) < upper(1) < LENIENCE


@pytest.mark.parametrize(
    "wrong", [{"limit": 0.0}, {"limit": 1.0}, {"confidence": 1.0}, {"min_requests": 0}, {"objectives": 0}]
)
def test_terms_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares are between 0 and 1"):
        Terms(**{"bad": "errors", "limit": 0.01, **wrong})  # type: ignore[arg-type]


def test_no_step_is_no_rollout() -> None:
    with pytest.raises(ValueError, match="in one of its steps"):
        judge([], ERRORS)


@pytest.mark.parametrize("counts", [(-1, 0, 0, 0), (1, 2, 0, 0), (0, 0, 3, 4), (5, -1, 0, 0)])
def test_more_bad_than_all_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="bad requests are some"):
        Counts(*counts)
