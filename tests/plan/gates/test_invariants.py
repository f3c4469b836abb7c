"""What holds whatever the counts are."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.plan.gates import evidence
from tidegate.plan.gates.counters import Arm, Part, Series, counts
from tidegate.plan.gates.counts import Counts, Gap, Step
from tidegate.plan.gates.judge import Terms, judge, weigh

SEVERAL = 10**9
ERRORS = Terms("errors", 0.01, objectives=3)
TERMS = st.builds(
    Terms,
    bad=st.just("errors"),
    limit=st.floats(1e-4, 0.5),
    tolerance=st.none() | st.floats(0.0, 1.0),
    confidence=st.floats(0.8, 0.999),
    min_requests=st.integers(1, 10_000),
    objectives=st.integers(1, 20),
)


@st.composite
def intervals(draw: st.DrawFn, most: int = 2000) -> Counts:
    stable, candidate = draw(st.integers(0, most)), draw(st.integers(0, most))
    return Counts(stable, draw(st.integers(0, stable)), candidate, draw(st.integers(0, candidate)))


STEPS = st.lists(st.lists(intervals(), max_size=12), min_size=1, max_size=4)


def looks(steps: list[list[Counts]], gap: Gap | None = None) -> list[Step]:
    *before, last = [Step(tuple(known)) for known in steps]
    return [*before, replace(last, intervals=(*last.intervals, gap)) if gap else last]


@given(STEPS, TERMS, st.sampled_from(["error", "missing", "stale"]))
def test_missing_data_never_passes(steps: list[list[Counts]], terms: Terms, kind: str) -> None:
    verdict = judge(looks(steps, Gap(kind, "why")), terms)  # type: ignore[arg-type]
    assert verdict.outcome in ({"error"} if kind == "error" else {"failed", "no data"})


@given(STEPS, TERMS)
def test_fewer_requests_than_asked_for_never_pass(steps: list[list[Counts]], terms: Terms) -> None:
    few = sum(one.candidate for one in steps[-1]) < terms.min_requests
    assert not few or judge(looks(steps), terms).outcome != "passed"


@given(st.lists(intervals(), min_size=1, max_size=8), st.integers(0, 7))
def test_one_more_bad_request_never_speaks_for_the_candidate(known: list[Counts], which: int) -> None:
    """Where nothing scatters: each interval is a step of its own."""
    i = which % len(known)
    assume(known[i].candidate_bad < known[i].candidate)
    more = [replace(one, candidate_bad=one.candidate_bad + 1) if at == i else one for at, one in enumerate(known)]
    before, after = (weigh([[one] for one in some], ERRORS) for some in (known, more))
    assert after.worse.whole >= before.worse.whole
    assert after.over.whole >= before.over.whole


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=1, max_size=20), st.integers(1, 99))
def test_what_both_share_is_held_against_nobody(trend: list[tuple[int, int]], ratio: int) -> None:
    """Whatever their common share does from one interval to the next: the same share in both is no evidence, at 1:1 as at 1:99."""
    known = [Counts(n * ratio, min(k, n) * ratio, n, min(k, n)) for n, k in trend]
    assert evidence.worse([known], 0.01, 0.0).whole <= 1e-9
    assert judge([Step(tuple(known))], ERRORS).outcome != "failed"


@given(st.lists(intervals(), min_size=1, max_size=10), st.lists(st.integers(0, 10), max_size=10))
def test_empty_intervals_change_nothing(known: list[Counts], where: list[int]) -> None:
    longer = list(known)
    for at in where:
        longer.insert(min(at, len(longer)), Counts(0, 0, 0, 0))
    short, long = (evidence.worse([some], 0.01, 0.1) for some in (known, longer))
    assert (long.whole, long.without_best) == pytest.approx((short.whole, short.without_best), abs=1e-9)


@given(STEPS)
def test_taking_the_best_interval_away_never_helps_the_accusation(steps: list[list[Counts]]) -> None:
    found = evidence.worse(steps, 0.01, 0.1)
    assert found.without_best <= found.whole + 1e-9


@given(st.lists(st.lists(intervals(SEVERAL), min_size=1, max_size=6), min_size=1, max_size=4), TERMS)
def test_nothing_overflows(steps: list[list[Counts]], terms: Terms) -> None:
    found = weigh(steps, terms)
    assert all(map(isfinite, (found.worse.whole, found.worse.without_best, found.over.whole, found.over.without_best)))
    assert judge(looks(steps), terms).words


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Counters that fall, vanish and come back as they like."""
    arm: Arm = draw(st.sampled_from(["stable", "candidate"]))
    part: Part = draw(st.sampled_from(["all", "good", "bad"]))
    times = draw(st.lists(st.integers(-2, 6), unique=True, max_size=8))
    points = tuple((30.0 * at, draw(st.integers(0, 200)) + 0.0) for at in times)
    return Series(draw(st.sampled_from(["a", "b"])), arm, part, points, draw(st.sampled_from(["", "x"])))


BETWEEN = (0.0, 30.0, 60.0, 90.0, 120.0)


@given(st.lists(series(), max_size=8))
def test_counters_that_begin_anew_never_make_negative_counts(given_: list[Series]) -> None:
    """Counts refuses them; so this is that nothing is raised."""
    assert len(counts(given_, BETWEEN)) == 4


@given(st.lists(series(), max_size=8).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_series_does_not_matter(pair: tuple[list[Series], list[Series]]) -> None:
    some, shuffled = pair
    assert counts(some, BETWEEN) == counts(shuffled, BETWEEN)


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.sets(st.integers(1, 3)))
def test_missed_scrapes_lose_nothing(rises: list[int], missed: set[int]) -> None:
    """What a counter grew by between the edges is in the intervals, whichever scrapes between them failed."""
    total, points = 0, []
    for at, rise in enumerate(rises):
        total += rise
        if at not in missed:
            points.append((30.0 * at, float(total)))
    found = counts([Series("a", "candidate", "good", tuple(points))], BETWEEN)
    assert sum(one.candidate for one in found) == sum(rises[1:])
