"""Every row of the table in windows.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.plan.model.judging.windows import MOST, Window, onward

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


OPEN, OVER = Window(5, at(0)), Window(5, at(0), at(1))


@pytest.mark.parametrize(
    ("known", "given", "sent", "wanted"),
    [
        # is open, its share is the one that is given
        ((OPEN,), 5, 5, (OPEN,)),
        ((OPEN,), 5, None, (OPEN,)),
        # is open, another share or none is given
        ((OPEN,), 25, 5, (Window(5, at(0), at(2)),)),
        ((OPEN,), 0, None, (Window(5, at(0), at(2)),)),
        ((OPEN,), 25, 25, (Window(5, at(0), at(2)), Window(25, at(2)))),
        # is over, or there is none: a share is given, and every router sends it
        ((), 5, 5, (Window(5, at(2)),)),
        ((OVER,), 25, 25, (OVER, Window(25, at(2)))),
        # else
        ((), 0, 0, ()),
        ((), 5, None, ()),
        ((OVER,), 25, 5, (OVER,)),
        # brief, and many
        ((Window(5, at(1.95)),), 0, None, ()),
        ((OVER,) * MOST, 25, 25, (*(OVER,) * (MOST - 1), Window(25, at(2)))),
    ],
)
def test_row(known: tuple[Window, ...], given: int, sent: int | None, wanted: tuple[Window, ...]) -> None:
    assert onward(known, given, sent, at(2)) == wanted
