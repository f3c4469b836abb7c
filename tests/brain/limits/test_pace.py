"""How large a part is given in advance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.limits.allowances import ANY
from tidegate.brain.limits.pace import (
    FIRST,
    LATELY,
    LEAST,
    MOST,
    PART,
    SOON,
    Lately,
    Size,
    after,
    fitted,
    part,
    requests,
)


@pytest.mark.parametrize(
    ("lately", "wanted"),
    [
        (None, 0),
        (Lately(1001 - LATELY, None), FIRST),
        (Lately(1001 - SOON, 0), FIRST),
        (Lately(1000 - SOON, 0), 0),
        (Lately(1001 - LATELY, 32), 32),
        (Lately(1000 - LATELY, 32), 0),
    ],
    ids=["first", "again", "again, of little use before", "too rarely", "after another", "long ago"],
)
def test_what_it_did(lately: Lately | None, wanted: int) -> None:
    assert requests(lately, 1001) == wanted


@pytest.mark.parametrize(
    ("had", "used", "wanted"),
    [(8, 8, 16), (8, 6, 16), (8, 5, 5), (MOST, MOST, MOST), (9, LEAST, LEAST), (9, LEAST - 1, 0), (8, 0, 0)],
)
def test_the_next_one(had: int, used: int, wanted: int) -> None:
    assert after(Size(had, 0), Size(used, 0), 0, 7, 3) == Lately(7 if wanted else 3, wanted)


@pytest.mark.parametrize(("used", "cost", "wanted"), [(74, 1, 4), (75, 1, 16), (60, 16, 16), (60, 15, 4), (100, 0, 16)])
def test_of_tokens(used: int, cost: int, wanted: int) -> None:
    assert after(Size(8, 100), Size(4, used), cost, 7, 3) == Lately(7, wanted)


@pytest.mark.parametrize(
    ("wanted", "cost", "may", "size"),
    [
        (8, 0, Size(9, ANY), Size(8, 0)),
        (8, 0, Size(7, ANY), Size(7, 0)),
        (8, 0, Size(LEAST - 1, ANY), None),
        (8, 100, Size(ANY, ANY), Size(8, 800)),
        (8, 100, Size(ANY, 100), Size(8, 100)),
        (8, 100, Size(ANY, 99), None),
        (8, 0, Size(-5, ANY), None),
    ],
)
def test_what_may_be_given(wanted: int, cost: int, may: Size, size: Size | None) -> None:
    assert fitted(wanted, cost, may) == size


@given(st.integers(0, 10**6), st.lists(st.tuples(st.integers(0, 2), st.integers(0, MOST)), max_size=40))
def test_all_routers_together_hold_a_small_part(amount: int, asked: list[tuple[int, int]]) -> None:
    left, held = amount, [0, 0, 0]
    for router, wanted in asked:
        size = fitted(wanted, 0, Size(part(left, held[router], 3), ANY))
        if size:
            left -= size.requests
            held[router] += size.requests
    assert sum(held) * PART <= amount
