"""How many replicas there must be at this hour.

    schedules                            at            least
    ----------------------------------   -----------   ----------------------------------
    none is in force                     any           minReplicas
    one is in force                      any           the larger of its own and minReplicas
    `0 8 * * 1-5`, Europe/Berlin, 10h    Mon 07:59     minReplicas
    the same                             Mon 08:00     its own
    the same                             Mon 17:59     its own
    the same                             Mon 18:00     minReplicas
    the same                             Sat 08:00     minReplicas

A schedule ends after its duration, however long the day is: on the days on which clocks change, 10 h after 08:00 is 18:00 all the same
unless the change lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.api import cron


@dataclass(frozen=True)
class Schedule:
    """More replicas from a time on, for a while."""

    name: str
    cron: str
    zone: str
    duration: float
    """Seconds."""
    least: int
    """Replicas."""


def in_force(schedules: Sequence[Schedule], now: float) -> Schedule | None:
    """The one that asks for most of those that are in force."""
    active = [one for one in schedules if cron.began(one.cron, one.zone, one.duration, now) is not None]
    return max(active, key=lambda one: one.least, default=None)
