"""What a router says of its caches, read as far as it can be read, and rounded."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.cluster.cache_reports import reports
from tidegate.plan.samples import CacheReport

WHOLE = {
    "entries": 1234, "bytes": 99999, "storeBytes": 8, "hits": {"memory": 150, "exact": 0, "semantic": 7}, "misses": 99,
    "trouble": ["the store is away"], "semantic": {"state": "ExactOnly", "judged": 129, "falseHits": 6, "says": "6 of 129 were wrong"},
}  # fmt: skip


def test_a_whole_report() -> None:
    [found] = reports({"caches": {"shared": WHOLE}})
    away = ("the store is away",)
    assert found == CacheReport(
        "shared", 1200, 99000, 8, 150, 0, 7, 99, away, exact_only="6 of 129 were wrong", judged=120, false_hits=6
    )


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"entries": "many", "bytes": -7, "hits": [1], "trouble": "x", "semantic": "On"},
        {"semantic": {"state": "On", "judged": True}},
    ],
)
def test_what_cannot_be_read_is_nothing(said: dict[str, Any]) -> None:
    assert reports({"caches": {"shared": said}}) == (CacheReport("shared"),)


@pytest.mark.parametrize("said", [{}, {"caches": None}, {"caches": [1]}, ["x"], None])
def test_routers_that_say_nothing(said: Any) -> None:
    assert reports(said) == ()


def test_tiers_in_their_order() -> None:
    assert [report.tier for report in reports({"caches": {"b": {}, "a": {}}})] == ["a", "b"]
