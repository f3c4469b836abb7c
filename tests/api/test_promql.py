"""Blanks in PromQL: which are filled, and that nothing else of the template language is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.promql import BLANKS, filled, problem

VALUES = {blank: blank.upper() for blank in BLANKS}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ('rate(x{r="$(revision)"}[$(window)])', 'rate(x{r="REVISION"}[WINDOW])'),
        ("$( name )/$(namespace)/$(stable)", "NAME/NAMESPACE/STABLE"),
        ("{__name__=~'a|b'} > 1 # {{ name }} {% if %} $", "{__name__=~'a|b'} > 1 # {{ name }} {% if %} $"),
        ("x\n", "x"),
    ],
)
def test_filled(query: str, wanted: str) -> None:
    assert problem(query) == ""
    assert filled(query, VALUES) == wanted


@pytest.mark.parametrize(
    "query",
    [
        "$(pod)",
        "$(name|upper)",
        "$(name.__class__)",
        "$(name",
        "$(1)",
        "$('name')",
        "$(range(9))",
        "$(name ~ name)",
        "$()",
        "$(name if 1)",
    ],
)
def test_refused(query: str) -> None:
    assert problem(query)


@given(st.text(st.characters(exclude_characters="$\0\r", codec="utf-8"), max_size=60))
def test_what_has_no_blank_stays_as_it_is(query: str) -> None:
    assert problem(query) == ""
    assert filled(query, VALUES) == query.removesuffix("\n")


@given(st.text(st.sampled_from("$()(){}%#-+ \nnamewidow'\"|.[]\0"), max_size=40))
def test_no_text_runs_anything(query: str) -> None:
    """It has a problem, or it is filled in: nothing raises, and nothing but names comes of it."""
    if not problem(query):
        filled(query, VALUES)
