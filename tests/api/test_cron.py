"""When schedules are in force."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tidegate.api import cron

WEEKDAYS = ("0 8 * * 1-5", "Europe/Berlin", 36_000.0)


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("when", "since"),
    [
        ("2026-11-23 07:59:59", None),
        ("2026-11-23 08:00:00", "2026-11-23 08:00"),
        ("2026-11-23 08:00:30", "2026-11-23 08:00"),
        ("2026-11-23 17:59:59", "2026-11-23 08:00"),
        ("2026-11-23 18:00:00", None),
        ("2026-11-28 12:00:00", None),  # a Saturday
    ],
)
def test_office_hours(when: str, since: str | None) -> None:
    assert cron.began(*WEEKDAYS, at(when)) == (since and at(since))


@pytest.mark.parametrize(
    ("when", "inside"),
    [
        # 29 March 2026, 02:00 becomes 03:00: what falls between comes right after
        ("2026-03-29T00:59:59", False),
        ("2026-03-29T01:00:00", True),
        ("2026-03-29T01:59:59", True),
        ("2026-03-29T02:00:00", False),
        # 25 October 2026, 03:00 becomes 02:00: once, as Debian's cron does
        ("2026-10-25T00:29:59", False),
        ("2026-10-25T00:30:00", True),
        ("2026-10-25T01:29:59", True),
        ("2026-10-25T01:31:00", False),
    ],
)
def test_clocks_change(when: str, inside: bool) -> None:
    """`30 2 * * *` in Berlin, for an hour; times in UTC."""
    now = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
    assert (cron.began("30 2 * * *", "Europe/Berlin", 3600.0, now) is not None) is inside


def test_a_schedule_longer_than_its_period_is_always_in_force() -> None:
    assert all(cron.began("*/30 * * * *", "UTC", 3600.0, at("2026-11-23 07:00") + 60 * i) for i in range(180))


def test_overlaps_are_found_once_both_are_in_force() -> None:
    weekly, daily = cron.spans("0 8 * * 1", "UTC", 3600.0), cron.spans("0 7 * * *", "UTC", 3601.0)
    found = cron.overlap(weekly, daily)
    assert found == at("2027-01-04 08:00", "UTC")
    assert cron.overlap(weekly, cron.spans("0 7 * * *", "UTC", 3600.0)) is None


def test_every_minute_is_compared_as_far_as_a_thousand() -> None:
    assert len(cron.spans("* * * * *", "UTC", 60.0)) == cron.COMPARED
