"""When a folder is walked again: reading a hundred thousand names takes seconds, and how full a file system is can be asked at once.

since the last walk                                     then
-----------------------------------------------------   -------------------------
less time than it took                                  wait
the file system has taken as much as there was room     walk
SELDOM, and nine times as long as it took               walk: what others removed hides what was written
less                                                    wait

Numbers in, a word out. Times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SELDOM: Final = 5.0
"""A file system is shared: what others remove meanwhile must not hide for long what was written here."""
SHARE: Final = 9.0
"""Of a large folder on a network no more than a tenth of the time is spent on reading names, while nothing is written."""


@dataclass(frozen=True)
class Walked:
    """What the last walk found."""

    began: float
    took: float
    room: int
    """Bytes that the folder might still have taken."""
    used: int
    """Bytes that its file system held when it began."""


def due(walked: Walked | None, used: int, now: float) -> bool:
    """The table; `used` is what the file system holds now."""
    if walked is None:
        return True
    since = now - walked.began - walked.took
    if since < walked.took:
        return False
    return used - walked.used > walked.room or since >= max(SELDOM, SHARE * walked.took)
