"""What a gate says at one look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "inconclusive", "no data", "error"]
"""Only `passed` ever promotes. `no data`: something that was asked for is not there. `error`: the question had no usable answer."""


@dataclass(frozen=True)
class Verdict:
    """An outcome, and the figures behind it in words."""

    outcome: Outcome
    words: str


def silent(looks: int, verdict: Verdict) -> int:
    """Looks in a row, this one included, at which a gate learnt nothing; `looks` are those before this one."""
    return looks + 1 if verdict.outcome in {"no data", "error"} else 0
