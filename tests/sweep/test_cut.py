"""The table of sweep/cut.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.sweep.cut import LEFT, Cut, cut, step


@pytest.mark.parametrize(
    ("ages", "size", "wanted"),
    [
        ({}, 100, None),
        ({1: 60, 2: 40}, 100, None),
        ({1: 60, 2: 41}, 100, Cut(1, 11)),
        ({5: 60, 2: 5, 3: 10, 4: 30}, 100, Cut(3, 15)),
        ({1: 10, 2: 190}, 100, Cut(2, 110)),
        ({1: 1000}, 100, Cut(1, 910)),
    ],
)
def test_the_oldest_go_until_nine_tenths_are_left(ages: dict[int, int], size: int, wanted: Cut | None) -> None:
    assert cut(ages, size) == wanted


@given(st.dictionaries(st.integers(0, 100), st.integers(1, 1000), min_size=1), st.integers(1, 10_000))
def test_what_goes_is_enough_and_no_step_too_many(ages: dict[int, int], size: int) -> None:
    found = cut(ages, size)
    total = sum(ages.values())
    if found is None:
        assert total <= size
        return
    older = sum(count for when, count in ages.items() if when < found.until)
    assert older < found.surplus <= older + ages[found.until]
    assert total - found.surplus == int(size * LEFT)


def test_a_step_is_ten_seconds() -> None:
    assert [step(moment) for moment in (0.0, 9.99, 10.0, 1795236271.6)] == [0, 0, 1, 179523627]
