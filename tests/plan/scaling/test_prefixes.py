"""What engines find in their prefix caches: sums that forget, and the table of what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.engines.metrics import Page
from tidegate.plan.scaling.prefixes import HALF_LIFE, LEAST, Prefixes, Rates, rates, shown


def page(queries: float, hits: float, external_queries: float = 0.0, external_hits: float = 0.0) -> Page:
    return Page(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, queries, hits, external_queries, external_hits)


NONE = page(0, 0)


def test_what_came_between_two_pages_counts() -> None:
    found = Prefixes().then(NONE, page(4000, 1000, 3000, 1500), 100.0)
    assert found == Prefixes(4000, 1000, 3000, 1500, 100.0)
    assert rates(found) == Rates(25, 50)


def test_what_was_long_ago_counts_half() -> None:
    found = Prefixes(4000, 4000, 0, 0, 100.0).then(NONE, page(2000, 0), 100.0 + HALF_LIFE)
    assert (found.queries, found.hits) == (4000, 2000)


@pytest.mark.parametrize(("before", "after"), [(page(9, 9), NONE), (page(0, 0, 9, 9), page(50, 50))])
def test_an_engine_that_began_anew_says_nothing_once(before: Page, after: Page) -> None:
    assert Prefixes(5000, 1000, 0, 0, 100.0).then(before, after, 100.0) == Prefixes(5000, 1000, 0, 0, 100.0)


def test_a_clock_that_was_set_back_forgets_nothing() -> None:
    assert Prefixes(4000, 4000, 0, 0, 100.0).then(NONE, NONE, 50.0).queries == 4000


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Prefixes(), None),
        (Prefixes(LEAST - 1, 500), None),
        (Prefixes(LEAST, 500), Rates(50, None)),
        (Prefixes(LEAST, 500, LEAST - 1, 100), Rates(50, None)),
        (Prefixes(2 * LEAST, 0, LEAST, LEAST), Rates(0, 100)),
        (Prefixes(LEAST, LEAST * 1.0000001), Rates(100, None)),
    ],
)
def test_rates(found: Prefixes, said: Rates | None) -> None:
    assert rates(found) == said


@pytest.mark.parametrize(
    ("before", "found", "now"),
    [
        (None, None, None),
        (Rates(50, 10), None, Rates(50, 10)),
        (None, Rates(50, None), Rates(50, None)),
        (Rates(50, None), Rates(50, 0), Rates(50, 0)),
        (Rates(50, 10), Rates(50, None), Rates(50, None)),
        (Rates(50, 10), Rates(54, 14), Rates(50, 10)),
        (Rates(50, 10), Rates(55, 10), Rates(55, 10)),
        (Rates(50, 10), Rates(51, 5), Rates(51, 5)),
    ],
)
def test_shown(before: Rates | None, found: Rates | None, now: Rates | None) -> None:
    assert shown(before, found) == now


@given(st.lists(st.integers(0, 100), min_size=1, max_size=50))
def test_what_is_shown_is_never_wrong_by_more_than_the_step(shares: list[int]) -> None:
    said: Rates | None = None
    for share in shares:
        said = shown(said, Rates(share, None))
        assert said is not None
        assert abs(said.device - share) < 5
