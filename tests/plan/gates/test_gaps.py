"""Every row of the table in gaps.py."""

from __future__ import annotations

import pytest

from tidegate.plan.gates.counters import Arm, Part, Series
from tidegate.plan.gates.counts import Gap
from tidegate.plan.gates.gaps import BOTH, gap

UNTIL, SCRAPE = 1000.0, 15.0


def read(router: str, arm: Arm, newest: float = UNTIL, part: Part = "good") -> Series:
    return Series(router, arm, part, ((newest - 30, 1.0), (newest, 2.0)))


def both(router: str, newest: float = UNTIL) -> list[Series]:
    return [read(router, "stable", newest), read(router, "candidate", newest)]


@pytest.mark.parametrize(
    ("series", "routers", "found"),
    [
        # nothing
        ([], {"a": 0.0}, Gap("missing", "there are no counts of this model")),
        ([Series("a", "stable", "good", ())], {}, Gap("missing", "there are no counts of this model")),
        # nothing of a revision from a router that runs
        (
            [*both("a"), read("b", "stable")],
            {"a": 0.0, "b": 0.0},
            Gap("missing", "router b has no counts of the candidate"),
        ),
        (both("a"), {"a": 0.0, "b": 0.0}, Gap("missing", "router b has no counts of the stable revision")),
        # all requests, and no bucket at the bound
        (
            [*both("a"), read("a", "stable", part="all"), Series("a", "candidate", "all", ((UNTIL, 1.0),), "x")],
            {"a": 0.0},
            Gap("missing", "router a has no bucket at the bound"),
        ),
        # a router that runs ended over two scrapes ago
        (both("a", UNTIL - 31), {"a": 0.0}, Gap("stale", "the newest counts of router a are 31 s old")),
        # a router that counts and does not run here
        (
            [*both("a"), *both("other")],
            {"a": 0.0},
            Gap("missing", "there are counts of a router other that is not here"),
        ),
        # else
        (both("a", UNTIL - 30), {"a": 0.0}, None),
        (both("a"), {"a": 0.0, "new": UNTIL - 29}, None),
        ([*both("a"), *both("gone", UNTIL - 500)], {"a": 0.0}, None),
    ],
)
def test_the_table(series: list[Series], routers: dict[str, float], found: Gap | None) -> None:
    assert gap(series, routers, UNTIL, SCRAPE) == found


def test_without_a_comparison_only_the_candidate_is_asked_for() -> None:
    alone = [read("a", "candidate")]
    assert gap(alone, {"a": 0.0}, UNTIL, SCRAPE, arms=BOTH[1:]) is None
    assert gap(alone, {"a": 0.0}, UNTIL, SCRAPE) is not None
