"""Every row of the table in schedules.py."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tidegate.plan.scaling.schedules import Schedule, in_force

OFFICE = Schedule("office", "0 8 * * 1-5", "Europe/Berlin", 36_000.0, 4)
NOON = Schedule("noon", "0 12 * * *", "Europe/Berlin", 3600.0, 6)


@pytest.mark.parametrize(
    ("schedules", "when", "name"),
    [
        ((), "2026-11-23 12:00", None),
        ((OFFICE,), "2026-11-23 07:59", None),
        ((OFFICE,), "2026-11-23 08:00", "office"),
        ((OFFICE,), "2026-11-23 17:59", "office"),
        ((OFFICE,), "2026-11-23 18:00", None),
        ((OFFICE,), "2026-11-28 08:00", None),
        # two are refused by the API; of what was written before that, the larger counts
        ((OFFICE, NOON), "2026-11-23 12:30", "noon"),
    ],
)
def test_the_table(schedules: tuple[Schedule, ...], when: str, name: str | None) -> None:
    now = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    found = in_force(schedules, now)
    assert (found.name if found else None) == name
