"""Which blocks go: those that were not used for longest, until there is room again. Numbers in, a number out.

bytes in the folder    then
-------------------    ----------------------------------------------------------------
up to `size`           all stay
more                   the oldest go, until no more than nine tenths of `size` are there

Blocks are counted by when they were used, in steps of STEP seconds, so that a million files cost no more memory than a thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

STEP: Final = 10.0
"""Seconds."""
LEFT: Final = 0.9
"""Share of the size that is left, so that not each new block asks for another removal."""


class Cut(NamedTuple):
    """What is to go."""

    until: int
    """The newest step of which blocks go."""
    surplus: int
    """Bytes that go; then it is enough, whatever else is as old."""


def step(used: float) -> int:
    """The step of a moment, which is in seconds since 1970."""
    return int(used // STEP)


def cut(ages: Mapping[int, int], size: int) -> Cut | None:
    """The table; `ages` are bytes by step. None: all stay."""
    total = sum(ages.values())
    if total <= size:
        return None
    surplus, found = total - int(size * LEFT), 0
    for when in sorted(ages):
        found += ages[when]
        if found >= surplus:
            break
    return Cut(when, surplus)
