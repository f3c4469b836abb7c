"""What yesterday says of the next minutes: the busiest minute of each five, and how much more is going on today.

    ahead = max over the bins from now to now + start-up + 90 s of yesterday's peak
    scale = median of the last 30 minutes' rates / median of yesterday's peaks of the same half hour       0.5 to 1.5
    forecast = min(ahead x scale / capacity, 3 W + 1)                                                      full engines

The largest answer wins, so that it can raise the answer and never lower it. Medians, because a spike that is late today would halve a
ratio of maxima just before it comes. Trends of the last minutes (Holt's) brought nothing in simulations, and are not here.

    yesterday 09:00 to 09:15: 4, 9, 5 requests/s; today's half hour has a median of 3.3, yesterday's had 3. At 08:59, start-up 300 s:
    max(4, 9) x 1.1 = 9.9 requests/s, of 2.67 an engine: 3.7 engines, if more than 0.9 are at work now
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tidegate.plan.scaling.headroom import Minute

BIN: Final = 300.0
"""Seconds."""
DAY: Final = 288
"""Bins."""
HALF_HOUR: Final = 6
"""Bins."""
SPARE: Final = 90.0
"""Seconds beyond the start-up that are looked at."""
UNKNOWN: Final = -1.0


@dataclass(frozen=True)
class Days:
    """The busiest minute of each five of two days, in requests/s: a ring, in which bin b has the place b % 576."""

    peaks: tuple[float, ...] = (UNKNOWN,) * (2 * DAY)
    last: int = -1
    """The bin written last; -1: none yet."""

    def yesterday(self, bin_: int) -> float:
        """The peak a day before this bin; UNKNOWN."""
        known = self.last - 2 * DAY < bin_ - DAY <= self.last
        return self.peaks[(bin_ - DAY) % (2 * DAY)] if known else UNKNOWN


def remember(before: Days, rate: float, now: float) -> Days:
    """With the rate of the minute that ends now. What lies between the last one and this is unknown."""
    this, peaks = int((now - 1) // BIN), list(before.peaks)
    began = max(before.last + 1, this - 2 * DAY + 1) if before.last >= 0 else this
    for bin_ in range(began, this + 1):
        peaks[bin_ % (2 * DAY)] = UNKNOWN
    place = this % (2 * DAY)
    peaks[place] = max(peaks[place], round(rate, 3))
    return Days(tuple(peaks), max(this, before.last))


def ahead(days: Days, minutes: Sequence[Minute], startup: float, now: float) -> float | None:
    """The rate that comes, in requests/s; None where yesterday or today is not known well enough."""
    here = int(now // BIN)
    until = int((now + startup + SPARE) // BIN)
    coming = [peak for bin_ in range(here, until + 1) if (peak := days.yesterday(bin_)) >= 0]
    before = [peak for back in range(1, HALF_HOUR + 1) if (peak := days.yesterday(here - back)) >= 0]
    if not coming or len(before) < HALF_HOUR / 2 or len(minutes) < 5:
        return None
    scale = median(one.rate for one in minutes) / max(1e-9, median(before))
    return max(coming) * min(1.5, max(0.5, scale))
