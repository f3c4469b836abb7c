"""Fields that others write are read as far as they have the right type."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.plan.kube.reading import integer, maps, text, texts

NO_MAPS: list[Any] = [None, [], "?", 7]


@pytest.mark.parametrize(
    ("value", "found"), [("a", "a"), ("", ""), (None, ""), (1, ""), ([], ""), ({}, ""), (True, "")]
)
def test_text(value: Any, found: str) -> None:
    assert text({"f": value}, "f") == found


@pytest.mark.parametrize(
    ("value", "found"), [(3, 3), (0, 0), (-1, -1), ("3", 9), (None, 9), (True, 9), (False, 9), (1.5, 9), ([], 9)]
)
def test_integer(value: Any, found: int) -> None:
    assert integer({"f": value}, "f", 9) == found


@pytest.mark.parametrize(("value", "found"), [(["a", 1, "b", None], ["a", "b"]), ("ab", []), (None, []), ({}, [])])
def test_texts(value: Any, found: list[str]) -> None:
    assert texts({"f": value}, "f") == found


@pytest.mark.parametrize(("value", "found"), [([{"a": 1}, "?", None, {}], [{"a": 1}, {}]), ({"a": 1}, []), (None, [])])
def test_maps(value: Any, found: list[Any]) -> None:
    assert maps({"f": value}, "f") == found


@pytest.mark.parametrize("holder", [*NO_MAPS, {}])
def test_what_is_not_there(holder: Any) -> None:
    assert (text(holder, "f"), integer(holder, "f"), integer(holder, "f", 5)) == ("", 0, 5)
    assert (texts(holder, "f"), maps(holder, "f")) == ([], [])
