"""How the last rollouts of a model ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

MOST: Final = 10
Result = Literal["Promoted", "RolledBack", "Superseded"]
"""It has all of the traffic; it was taken back; another change of the spec took its place."""
RESULTS: Final[tuple[Result, ...]] = get_args(Result)


@dataclass(frozen=True)
class Past:
    """One of them."""

    revision: str
    result: Result
    message: str
    began: datetime
    ended: datetime


def ended(known: tuple[Past, ...], past: Past) -> tuple[Past, ...]:
    """With one more, the newest first."""
    return (past, *known)[:MOST]
