"""When a schedule is in force: cron with a time zone, for a duration.

Five fields, `minute hour day-of-month month day-of-week`, read as Debian's cron reads them: with a day of the month and a day of the week
both count, and what falls into the hour that summer time skips comes right after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

FIELDS: Final = 5
COMPARED: Final = 1000
"""Firings of each schedule that are compared with those of others."""
REFERENCE: Final = datetime(2027, 1, 1, tzinfo=UTC)
"""Where looking ahead begins, so that the answer is the same at all times; a leap day comes within the ten years after it."""


def wrong(cron: str, zone: str) -> str:
    """What is wrong with it, in words; empty when it fires."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return f"there is no time zone {zone!r}; write one such as Europe/Berlin or UTC"
    if len(cron.split()) != FIELDS:
        return f"{cron!r} is no cron expression: it has five fields, as 0 8 * * 1-5"
    try:
        fires = next(CronSim(cron, REFERENCE), None)
    except CronSimError as error:
        return f"{cron!r} is no cron expression ({error}); an example is 0 8 * * 1-5"
    return "" if fires else f"{cron!r} never fires"


def began(cron: str, zone: str, duration: float, now: float) -> float | None:
    """When the schedule that is in force now began (Unix, seconds); None: it is not in force. `duration` in seconds."""
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    last = next(CronSim(cron, here + timedelta(minutes=1), reverse=True), None)
    if last is None:
        return None
    if last.timestamp() > now:
        last = next(CronSim(cron, last, reverse=True))
    return last.timestamp() if now < last.timestamp() + duration else None


@lru_cache(maxsize=256)
def spans(cron: str, zone: str, duration: float) -> tuple[tuple[float, float], ...]:
    """The first thousand spans of a year in which it is in force, from `REFERENCE` on (Unix, seconds)."""
    first = REFERENCE.astimezone(ZoneInfo(zone))
    year = takewhile(lambda at: at < first + timedelta(days=366), CronSim(cron, first))
    return tuple((at.timestamp(), at.timestamp() + duration) for at in islice(year, COMPARED))


def overlap(one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]) -> float | None:
    """When two schedules are first in force together (Unix, seconds); None: never, as far as both were looked at."""
    return next(_overlaps(one, other), None)


def day(at: float, zone: str) -> str:
    """A time (Unix, seconds) for people."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%A %d %B, %H:%M} ({zone})"


def _overlaps(one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...]) -> Iterator[float]:
    i = j = 0
    while i < len(one) and j < len(other):
        begin, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if begin < end:
            yield begin
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
