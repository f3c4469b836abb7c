"""Replicas in reserve: the quantile of how far, within one start-up time, demand went beyond what had been asked for.

Once a minute, with the minutes of the last start-up and one more:

    e  = (busiest of these minutes, in full engines) / ceiling - (need at the first of them)     the shortfall
    h += 0.4 (1[e > h] - (1 - q))                                                              kept between 0 and a third of maxReplicas

A step of 0.4 (1 - q) down at each minute without and of 0.4 q up at each with a larger shortfall finds the q-quantile of the shortfalls
(Robbins and Monro 1951). It is the shortfall of *this* model over *its* start-up time, so that there is no number to guess; a forecast
that is right makes it shrink by itself. q 0.95: one such minute raises it by 0.38, which takes 19 quiet minutes to go.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

from tidegate.plan.scaling.settings import Settings

MINUTE: Final = 60.0
STEP: Final = 0.4
"""Replicas."""
KEPT: Final = 31
"""Minutes: the longest start-up that counts, and what a forecast is scaled by."""


class Minute(NamedTuple):
    """One minute."""

    rate: float
    """Requests/s."""
    work: float
    """The same in full engines."""
    need: float
    """Replicas that were needed at its end."""


@dataclass(frozen=True)
class Headroom:
    """What is known of shortfalls."""

    minutes: tuple[Minute, ...] = ()
    """The oldest first."""
    began: float | None = None
    """The minute under way (Unix, seconds)."""
    arrived: int = 0
    """Requests in it."""
    replicas: float = 0.0
    """h."""


def count(before: Headroom, arrived: int, now: float) -> Headroom:
    """With the requests of one more look."""
    began = now if before.began is None else before.began
    return Headroom(before.minutes, began, before.arrived + arrived, before.replicas)


def over(headroom: Headroom, now: float) -> bool:
    """Whether the minute under way is over."""
    return headroom.began is not None and now - headroom.began >= MINUTE


def minute(before: Headroom, capacity: float, need: float, startup: float, settings: Settings, now: float) -> Headroom:
    """At the end of a minute. `capacity`: requests/s of an engine."""
    rate = before.arrived / (now - (before.began or 0.0))
    last = Minute(round(rate, 4), round(rate / capacity, 4), round(need, 4))
    minutes = (*before.minutes, last)[-KEPT:]
    return Headroom(minutes, now, 0, _risen(before.replicas, minutes, startup, settings))


def _risen(replicas: float, minutes: tuple[Minute, ...], startup: float, settings: Settings) -> float:
    span = minutes[-max(3, ceil((startup + MINUTE) / MINUTE) + 1) :]
    if len(span) < 3 or not settings.headroom:
        return replicas if settings.headroom else 0.0
    shortfall = max(one.work for one in span) / settings.ceiling - span[0].need
    moved = replicas + STEP * ((shortfall > replicas) - (1 - settings.headroom))
    return min(settings.most / 3, max(0.0, moved))
