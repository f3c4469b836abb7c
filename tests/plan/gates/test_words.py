"""How figures are written."""

from __future__ import annotations

from math import log

import pytest

from tidegate.plan.gates.words import odds, percent, share


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (14, 540, "2.6 %"),
        (0, 540, "0 %"),
        (0, 0, "0 %"),
        (540, 540, "100 %"),
        (51, 10_260, "0.5 %"),
        (1, 10**9, "under 0.001 %"),
        (1, 50_000, "0.002 %"),
        (9949, 100_000, "9.9 %"),
        (9951, 100_000, "10 %"),
    ],
)
def test_shares(part: int, whole: int, written: str) -> None:
    assert share(part, whole) == written


@pytest.mark.parametrize(("limit", "written"), [(0.01, "1 %"), (0.0025, "0.25 %"), (0.05, "5 %"), (0.001, "0.1 %")])
def test_limits_are_written_as_they_were(limit: float, written: str) -> None:
    assert percent(limit) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1 : 1"),
        (1.54, "1.5 : 1"),
        (9.94, "9.9 : 1"),
        (9.96, "10 : 1"),
        (75.0, "75 : 1"),
        (1546.0, "1,550 : 1"),
        (123_456.0, "123,000 : 1"),
        (1.2e6, "over 1,000,000 : 1"),
        (1e200, "over 1,000,000 : 1"),
    ],
)
def test_odds(value: float, written: str) -> None:
    assert odds(log(value)) == written
