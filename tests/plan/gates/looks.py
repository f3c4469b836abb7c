"""Looks at a rollout, for the tests of its gates."""

from __future__ import annotations

from tidegate.plan.gates.counts import Counts, Gap, Step


def spread(total: int, parts: int) -> list[int]:
    """As evenly as whole numbers allow."""
    return [round(total * (i + 1) / parts) - round(total * i / parts) for i in range(parts)]


def step(
    bad: int | list[int],
    requests: int = 540,
    stable: int = 10_260,
    stable_bad: int = 51,
    parts: int = 18,
    traffic: float | None = None,
    gap: Gap | None = None,
) -> Step:
    """By default 5 % of 20 requests/s for 9 minutes, 0.5 % of stable's bad; a list says which intervals have the candidate's."""
    mine = spread(bad, parts) if isinstance(bad, int) else bad
    columns = (spread(stable, parts), spread(stable_bad, parts), spread(requests, parts), mine)
    known = tuple(Counts(*row) for row in zip(*columns, strict=True))
    return Step((*known, gap) if gap else known, traffic)


def in_one(bad: int, parts: int = 18) -> list[int]:
    """All of them in one interval."""
    return [bad if i == 7 else 0 for i in range(parts)]
