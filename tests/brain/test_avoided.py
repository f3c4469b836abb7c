"""Engines that hang get no requests, while there are others."""

from __future__ import annotations

import pytest

from tidegate.brain.avoided import read, without
from tidegate.envoy.clusters import Endpoint

ONE, TWO, THREE = (Endpoint(f"10.0.0.{n}", 8000) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "found"),
    [("", set()), ('["10.0.0.1"]', {"10.0.0.1"}), ("{}", set()), ("[", set()), ('[1, "10.0.0.2"]', {"10.0.0.2"})],
)
def test_what_is_read(text: str, found: set[str]) -> None:
    assert read(text) == found


def test_never_the_last_of_a_service() -> None:
    engines = {"a": (ONE, TWO), "b": (THREE,), "c": ()}
    assert without(engines, {"10.0.0.1", "10.0.0.3"}) == {"a": (TWO,), "b": (THREE,), "c": ()}
