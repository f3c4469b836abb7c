"""What the viewer remembers of objectives while it watches, as a row of blocks: one a look, its colour the outcome, its height the figure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.cli.plugin.seen import Seen

MOST: Final = 30
"""Looks that are shown."""
BLOCKS: Final = "▂▃▄▅▆▇█"
COLOURS: Final = {
    "passed": "green",
    "failed": "red",
    "inconclusive": "yellow",
    "no data": "bright_black",
    "error": "magenta",
}
_FIGURE = re.compile(r": (-?[0-9.,]+) % of |^(-?[0-9.e+-]+) (?:\(|is )")
"""The share of bad requests, or a query's number, as plan/gates writes them."""


@dataclass(frozen=True)
class Look:
    """One of them."""

    outcome: str
    figure: float | None
    """None where the words have none."""


class Looks:
    """Of the revision that is watched; another one begins anew."""

    def __init__(self) -> None:
        self._revision = ""
        self._at: dict[str, str] = {}
        self._kept: dict[str, deque[Look]] = {}

    def note(self, seen: Seen) -> None:
        """Remembers what is new since the last time; a look is new when it has another time."""
        if seen.revision != self._revision:
            self._revision, self._at, self._kept = seen.revision, {}, {}
        for gate in seen.gates:
            if gate.at and self._at.get(gate.name) != gate.at:
                self._at[gate.name] = gate.at
                self._kept.setdefault(gate.name, deque(maxlen=MOST)).append(Look(gate.outcome, figure(gate.figures)))

    def of(self, name: str) -> tuple[Look, ...]:
        """The oldest first."""
        return tuple(self._kept.get(name, ()))


def figure(words: str) -> float | None:
    """`0.56` of `errors: 0.56 % of 540 (max 1 %), stable 0.5 %`; `0.93` of `0.93 (at least 0.9)`."""
    found = _FIGURE.search(words)
    try:
        return float((found[1] or found[2]).replace(",", "")) if found else None
    except ValueError:
        return None


def blocks(looks: Sequence[Look]) -> list[tuple[str, str]]:
    """A character and a colour for each look; heights are parts of the largest figure."""
    largest = max((abs(look.figure) for look in looks if look.figure is not None), default=0.0)
    return [(_block(look.figure, largest), COLOURS.get(look.outcome, "white")) for look in looks]


def _block(value: float | None, largest: float) -> str:
    if not value or not largest:
        return BLOCKS[0]
    return BLOCKS[round(abs(value) / largest * (len(BLOCKS) - 1))]
