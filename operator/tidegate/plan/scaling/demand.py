"""How much work there is, in full engines: what is under way, what arrives, bursts, what waits, what yesterday says comes.

    name        work W                                                                   known when
    ---------   ----------------------------------------------------------------------   -------------------------------------
    under way   mean occupancy of the last 60 s, over all engines                        an engine answers
    arrivals    rate of the last 60 s / capacity                                         a capacity was learned
    burst       the largest rate of a panic window (`ticks`) / capacity                  the same, and a burst came
    backlog     the largest of these + queued / (capacity x 20 s)                        more are queued than engines serve
    forecast    what yesterday says of the next start-up time (`forecast`), <= 3 W + 1   `forecast` is on, and there is a yesterday

The use of KV saturates: engines that are 100 % full may be loaded twice or ten times over. Only arrivals measure an overload, and only
what is under way notices new lengths of prompts and answers, or a router that nobody hears; so both are there.

    four engines 0.70, 0.74, 0.68, 0.72 full -> under way 2.84; 7.0 requests/s, capacity 2.67 -> arrivals 2.62; W = 2.84
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from tidegate.plan.scaling import forecast
from tidegate.plan.scaling.forecast import Days
from tidegate.plan.scaling.headroom import Minute
from tidegate.plan.scaling.learned import Learned
from tidegate.plan.scaling.seen import Seen
from tidegate.plan.scaling.ticks import Ticks

CLEARED: Final = 20.0
"""Seconds in which a backlog should be gone once the engines serve: what comes meanwhile stands behind it."""


class Demand(NamedTuple):
    """One of the rows."""

    name: str
    work: float
    words: str


def demands(seen: Seen, ticks: Ticks, learned: Learned, startup: float) -> list[Demand]:
    """All that is known, but for the forecast."""
    found = [Demand("under way", ticks.work, f"{ticks.work:.2f} of {len(seen.serving)} engines are in use")]
    if learned.capacity:
        found += _arrivals(ticks, learned, learned.capacity, startup)
        found += _backlog(seen, learned.capacity, max(one.work for one in found))
    return found


def forecast_of(
    days: Days, minutes: tuple[Minute, ...], learned: Learned, work: float, startup: float, now: float
) -> Demand | None:
    """What yesterday says; None where it says nothing."""
    rate = forecast.ahead(days, minutes, startup, now) if learned.capacity else None
    if rate is None or not learned.capacity:
        return None
    return Demand(
        "forecast",
        min(rate / learned.capacity, 3 * work + 1),
        f"yesterday {rate:.3g} requests/s came in the next {startup:.0f} s",
    )


def _arrivals(ticks: Ticks, learned: Learned, capacity: float, startup: float) -> Iterator[Demand]:
    each = f"an engine carries {capacity:.3g}"
    if (rate := ticks.rate) is not None:
        yield Demand("arrivals", rate / capacity, f"{rate:.3g} requests/s, {each}")
    if burst := max(ticks.bursts(learned.dispersion, startup), default=0.0):
        yield Demand("burst", burst / capacity, f"a burst of {burst:.3g} requests/s, {each}")


def _backlog(seen: Seen, capacity: float, work: float) -> Iterator[Demand]:
    if seen.queued > len(seen.serving):
        more = seen.queued / (capacity * CLEARED)
        yield Demand("backlog", work + more, f"{seen.queued} requests wait")
