"""What a request says about caches."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.cache.directives import Wishes, read


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((), Wishes()),
        (("", ""), Wishes()),
        (("no-store",), Wishes(store=False, look=False)),
        (("", "No-Cache"), Wishes(look=False)),
        (("forget",), Wishes(look=False, forget=True)),
        (("forget, no-store",), Wishes(store=False, look=False)),
        (("max-age=5", "max-age=3"), Wishes(max_age=3.0)),
        (("max-age=0",), Wishes(max_age=0.0)),
        (("no-cache, max-age=9",), Wishes(look=False, max_age=9.0)),
        (("max-age=-1", "max-age=x, max-age=, stale-if-error=5"), Wishes()),
        (("whatever",), Wishes()),
    ],
)
def test_each_row(values: tuple[str, ...], wanted: Wishes) -> None:
    assert read(*values) == wanted


@given(st.text(), st.text())
def test_any_text_is_read(one: str, other: str) -> None:
    assert 0 <= read(one, other).max_age <= inf
