"""The times over which a revision on trial is judged: those in which every router sent it one share of the requests.

the newest window         and                                    then
-----------------------   ------------------------------------   ------------------------------------------------------------
is open                   its share is the one that is given     it goes on, also while a router or an engine comes and goes
                          another share, or none, is given       it ends
is over, or there is      a share is given, and every router     a window begins
  none                      sends it
                          else                                   nothing is judged for now

One that ended before it was BRIEF is forgotten, and so is the oldest one beyond MOST. The window of a step goes on while the engines of
the next one start: who has traffic is judged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

ALL: Final = 100
"""Percent."""
BRIEF: Final = 5.0
"""Seconds. What ended in less cannot be told from the window after it."""
MOST: Final = 40
"""Twice as many as a rollout may have steps."""


@dataclass(frozen=True)
class Window:
    """A time in which the candidate had one share."""

    share: int
    """Percent."""
    begin: datetime
    end: datetime | None = None

    @property
    def brief(self) -> bool:
        return self.end is not None and (self.end - self.begin).total_seconds() < BRIEF


def onward(known: tuple[Window, ...], given: int, sent: int | None, now: datetime) -> tuple[Window, ...]:
    """The table. `given` is the candidate's share, in percent; `sent` the one that all routers send, None while they differ."""
    newest = known[-1] if known else None
    if newest and newest.end is None:
        if newest.share == given:
            return known
        known = (*known[:-1], replace(newest, end=now))
    known = tuple(window for window in known if not window.brief)
    if given > 0 and sent == given:
        known = (*known, Window(given, now))
    return known[-MOST:]
