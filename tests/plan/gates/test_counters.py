"""Every row of the table: what a counter grew by, and into which interval it falls."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from tidegate.plan.gates.counters import Arm, Part, Series, counts, edges, known_until
from tidegate.plan.gates.counts import Counts

EDGES = (0.0, 30.0, 60.0, 90.0)


def series(
    *points: tuple[float, float],
    part: Part = "good",
    arm: Arm = "candidate",
    router: str = "a",
    labels: str = "",
) -> Series:
    return Series(router, arm, part, points, labels)


def grown(*given: Series) -> list[tuple[int, int]]:
    """Requests and bad ones of the candidate in each interval."""
    return [(one.candidate, one.candidate_bad) for one in counts(given, EDGES)]


@pytest.mark.parametrize(
    ("points", "requests"),
    [
        # seen before, and no counter of its source fell since
        ([(0, 100), (30, 110), (60, 110), (90, 125)], [10, 0, 15]),
        ([(0, 100), (90, 125)], [0, 0, 25]),  # missed scrapes lose nothing
        ([(-30, 90), (30, 110)], [20, 0, 0]),
        # seen before, and a counter of its source fell since
        ([(0, 100), (30, 110), (60, 4), (90, 9)], [10, 4, 5]),
        ([(0, 100), (30, 0), (60, 0), (90, 2)], [0, 0, 2]),
        # never seen before
        ([(60, 7), (90, 9)], [0, 7, 2]),
        # at the first edge or before
        ([(-30, 50), (0, 90)], [0, 0, 0]),
        # not there
        ([(0, 100), (30, 110)], [10, 0, 0]),
        ([], [0, 0, 0]),
        # NaN, infinite or negative
        ([(0, 100), (30, nan), (60, inf), (90, 104)], [0, 0, 4]),
        ([(0, 100), (30, -5), (60, 103)], [0, 3, 0]),
        # after the last edge, and in any order
        ([(90, 120), (120, 500), (0, 100)], [0, 0, 20]),
    ],
)
def test_the_table(points: list[tuple[float, float]], requests: list[int]) -> None:
    assert grown(series(*points)) == [(n, 0) for n in requests]


def test_outcomes() -> None:
    ok, error = series((0, 0), (30, 95), (60, 190)), series((0, 0), (30, 5), (60, 5), part="bad")
    assert grown(ok, error) == [(100, 5), (95, 0), (0, 0)]


def test_buckets() -> None:
    every, fast = series((0, 0), (30, 100), (60, 150), part="all"), series((0, 0), (30, 90), (60, 140))
    assert grown(every, fast) == [(100, 10), (50, 0), (0, 0)]


def test_both_revisions_and_several_routers() -> None:
    given = [
        series((0, 0), (30, 10), router="a"),
        series((0, 7), (30, 10), router="b"),
        series((0, 0), (30, 80), arm="stable", router="a"),
        series((0, 0), (30, 4), arm="stable", part="bad", router="b"),
    ]
    assert counts(given, EDGES)[0] == Counts(84, 4, 13, 0)


def test_a_sum_would_hide_a_reset() -> None:
    """One router begins anew while another one counts on: 40 + 55, and not 105 - 100."""
    a, b = series((0, 50), (30, 90), router="a"), series((0, 50), (30, 15), router="b")
    assert grown(a, b)[0] == (55, 0)


def test_counters_of_a_source_begin_anew_together() -> None:
    """The bucket has overtaken its old value, all requests have not: 60 requests, 40 of them fast, 20 slow, and not 30."""
    every, fast = series((0, 100), (30, 60), part="all"), series((0, 10), (30, 40))
    assert grown(every, fast)[0] == (60, 20)


def test_other_routes_of_the_router_do_not_begin_anew_with_it() -> None:
    """A route that was removed and came back counts from 0; the other one has counted for days."""
    back, old = series((0, 80), (30, 3), labels="r1"), series((0, 100_000), (30, 100_010), labels="r2")
    assert grown(back, old)[0] == (13, 0)


def test_a_reset_that_nobody_saw_contradicts_itself_within_bounds() -> None:
    every, fast = series((0, 100), (30, 150), part="all"), series((0, 10), (30, 120))
    assert grown(every, fast)[0] == (50, 0)


def test_a_source_without_its_bucket_does_not_count() -> None:
    """All of its requests would look slow."""
    given = [
        series((0, 0), (30, 10), part="all"),
        series((0, 0), (30, 9), part="all", router="b"),
        series((0, 0), (30, 9), router="b"),
    ]
    assert grown(*given)[0] == (9, 0)


def test_a_new_bound_of_a_router_that_ran_before() -> None:
    """Nothing is known of what it counted before: it would look slow, all of it."""
    every, fast = series((0, 0), (30, 100), (60, 160), (90, 200), part="all"), series((60, 120), (90, 155))
    assert grown(every, fast) == [(0, 0), (0, 0), (40, 5)]


def test_a_new_bound_and_a_restart_after_it() -> None:
    every, fast = series((0, 70), (30, 100), (60, 20), (90, 30), part="all"), series((30, 80), (60, 15), (90, 24))
    assert grown(every, fast) == [(0, 0), (20, 5), (10, 1)]


def test_what_was_read_twice_counts_once() -> None:
    """By two Prometheus that are alike, the second one a scrape behind; then the router begins anew."""
    first = [series((0, 0), (30, 100), (60, 150), (90, 20)), series((0, 0), (30, 5), (60, 5), (90, 0), part="bad")]
    second = [series((0, 0), (30, 80), (60, 130), (90, 150)), series((0, 0), (30, 4), (60, 5), (90, 5), part="bad")]
    second = [replace(one, scraper="replica=b") for one in second]
    alone = [(105, 5), (50, 0), (20, 0)]
    assert grown(*first) == grown(*first, *second) == alone
    assert grown(*first, *[replace(one, points=one.points[2:]) for one in second]) == alone, "a new one adds nothing"


def test_a_pod_that_came_back_with_another_address() -> None:
    before, after = series((0, 0), (30, 100)), series((60, 10), (90, 30))
    assert grown(before, replace(after, scraper="instance=10.0.0.2")) == [(100, 0), (10, 0), (20, 0)]


def test_edges_of_a_step() -> None:
    assert edges(1000.0, 1095.0, scrape=15) == (1000.0, 1030.0, 1060.0, 1090.0)
    assert edges(1000.0, 1090.0, scrape=15)[-1] == 1090.0
    assert edges(1000.0, 1130.0, scrape=30) == (1000.0, 1060.0, 1120.0)
    assert edges(1000.0, 1029.0, scrape=15) == (1000.0,)
    assert edges(1000.0, 900.0, scrape=15) == (1000.0,)
    assert edges(1000.0, 1030.0, scrape=1, interval=10) == (1000.0, 1010.0, 1020.0, 1030.0)
    assert edges(1000.0, 1060.0, scrape=15, interval=10) == (1000.0, 1030.0, 1060.0)
    assert edges(1000.0, 1060.0, scrape=1, interval=600) == (1000.0, 1030.0, 1060.0)


def test_a_long_step_has_wider_intervals() -> None:
    days = edges(0.0, 3 * 86_400.0, scrape=15)
    assert len(days) <= 1001
    assert days[1] == 480.0


def test_no_interval_is_no_count() -> None:
    assert counts([series((0, 1), (30, 2))], (0.0,)) == ()


def test_what_is_known() -> None:
    assert known_until(1000.0, scrape=15) == 980.0
