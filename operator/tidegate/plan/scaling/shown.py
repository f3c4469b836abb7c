"""What people are shown of decisions that come every 5 s: a reason that does not flap.

A load near a limit is Steady at one look and Window at the next, 30 to 50 times an hour, while the number of engines stays. The first row
that fits:

    what was shown                                            then
    -------------------------------------------------------   -----------------------------------------------------------
    nothing                                                   the newest decision
    another number of replicas                                the newest, at once
    the same number, and the same limit                       what was shown
    another limit, which has held for less than HELD          what was shown
    another limit, and what was shown is younger than APART   what was shown
    else                                                      the newest

So a number is told at once, and a reason that has changed without it within half a minute, if it lasts: looks are up to 6 s apart. At rest
nothing is new. Figures are as old as the reason; REFRESHED after it was shown the newest is, because what was learned is written down then
anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tidegate.plan.scaling.decide import Decision

HELD: Final = 15.0
"""Seconds."""
APART: Final = 24.0
"""Seconds: the next look after them is no later than 30 s after what was shown."""
REFRESHED: Final = 600.0
"""Seconds."""


@dataclass(frozen=True)
class Shown:
    """What people see, and what may come next."""

    decision: Decision
    at: float
    """Since when it is shown (Unix, seconds)."""
    limit: str
    """Of the newest decision."""
    since: float
    """Since when the newest decisions have that limit (Unix, seconds)."""


def show(before: Shown | None, made: Decision, now: float) -> Shown:
    """The table."""
    if before is None or before.decision.replicas != made.replicas or not 0 <= now - before.at < REFRESHED:
        return Shown(made, now, made.limit, now)
    since = before.since if before.limit == made.limit else now
    settled = made.limit != before.decision.limit and now - since >= HELD and now - before.at >= APART
    return Shown(made, now, made.limit, since) if settled else replace(before, limit=made.limit, since=since)
