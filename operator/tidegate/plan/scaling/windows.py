"""The largest or the least answer of a window, remembered in as few answers as can still become it.

An answer that is older and no larger than another will never be the largest: of 120 answers of ten minutes two or three stay.

    scaleDown, window 300 s: answers 5 (at 0 s), 3 (at 100 s), 4 (at 200 s)
    at 200 s remembered are 5 and 4, and the answer is 5; at 301 s it is 4
"""

from __future__ import annotations

from typing import NamedTuple


class Answered(NamedTuple):
    """An answer in replicas, and when it was given (Unix, seconds)."""

    at: float
    replicas: int


Remembered = tuple[Answered, ...]


def largest(before: Remembered, now: float, replicas: int, window: float) -> tuple[Remembered, int]:
    """What is remembered, and the largest answer of the window."""
    kept = (*(one for one in before if now - one.at < window and one.replicas > replicas), Answered(now, replicas))
    return kept, kept[0].replicas


def least(before: Remembered, now: float, replicas: int, window: float) -> tuple[Remembered, int]:
    """What is remembered, and the least answer of the window."""
    kept = (*(one for one in before if now - one.at < window and one.replicas < replicas), Answered(now, replicas))
    return kept, kept[0].replicas
