"""The table of sweep/due.py."""

from __future__ import annotations

import pytest

from tidegate.sweep.due import Walked, due

QUICK, SLOW = Walked(100.0, 0.5, 1000, 5000), Walked(100.0, 20.0, 1000, 5000)


@pytest.mark.parametrize(
    ("walked", "used", "now", "wanted"),
    [
        (None, 0, 0.0, True),
        (QUICK, 9000, 100.9, False),
        (QUICK, 9000, 101.1, True),
        (QUICK, 6000, 101.1, False),
        (QUICK, 6001, 101.1, True),
        (QUICK, 6000, 105.4, False),
        (QUICK, 0, 105.6, True),
        (SLOW, 9000, 139.0, False),
        (SLOW, 9000, 140.0, True),
        (SLOW, 5000, 290.0, False),
        (SLOW, 5000, 300.0, True),
    ],
)
def test_due(walked: Walked | None, used: int, now: float, wanted: bool) -> None:
    assert due(walked, used, now) == wanted
