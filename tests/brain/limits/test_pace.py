"""How large a part is given in advance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.limits.allowances import ANY
from tidegate.brain.limits.pace import FIRST, LATELY, LEAST, MOST, PART, Lately, Size, after, fitted, requests


@pytest.mark.parametrize(
    ("lately", "wanted"),
    [(None, 0), (Lately(1000, 0), FIRST), (Lately(1000, 32), 32), (Lately(1000 - LATELY, 32), 0)],
    ids=["first", "again", "after another", "long ago"],
)
def test_what_it_did(lately: Lately | None, wanted: int) -> None:
    assert requests(lately, 1001) == wanted


@pytest.mark.parametrize(
    ("had", "used", "wanted"),
    [(8, 8, 16), (8, 6, 16), (8, 5, 5), (MOST, MOST, MOST), (9, LEAST, LEAST), (9, LEAST - 1, 0), (8, 0, 0)],
)
def test_the_next_one(had: int, used: int, wanted: int) -> None:
    assert after(Size(had, 0), Size(used, 0), 0, 7) == Lately(7, wanted)


@pytest.mark.parametrize(("used", "cost", "wanted"), [(74, 1, 4), (75, 1, 16), (60, 16, 16), (60, 15, 4), (100, 0, 16)])
def test_of_tokens(used: int, cost: int, wanted: int) -> None:
    assert after(Size(8, 100), Size(4, used), cost, 7) == Lately(7, wanted)


@pytest.mark.parametrize(
    ("wanted", "cost", "room", "routers", "size"),
    [
        (8, 0, Size(1000, ANY), 1, Size(8, 0)),
        (8, 0, Size(8 * PART, ANY), 1, Size(8, 0)),
        (8, 0, Size(8 * PART - 1, ANY), 1, Size(7, 0)),
        (8, 0, Size(8 * PART, ANY), 2, Size(4, 0)),
        (8, 0, Size(LEAST * PART - 1, ANY), 1, None),
        (8, 100, Size(ANY, ANY), 1, Size(8, 800)),
        (8, 100, Size(ANY, 100 * PART), 1, Size(8, 100)),
        (8, 100, Size(ANY, 100 * PART - 1), 1, None),
        (8, 0, Size(-5, ANY), 1, None),
    ],
)
def test_what_there_is_room_for(wanted: int, cost: int, room: Size, routers: int, size: Size | None) -> None:
    assert fitted(wanted, cost, room, routers) == size


@given(st.integers(0, MOST), st.integers(0, 10**6), st.integers(-10, 10**7), st.integers(-10, 10**7), st.integers(1, 9))
def test_all_routers_together_hold_a_small_part(wanted: int, cost: int, left: int, tokens: int, routers: int) -> None:
    size = fitted(wanted, cost, Size(left, tokens), routers)
    if size:
        assert size.requests * routers * PART <= left
        assert size.tokens * routers * PART <= tokens
