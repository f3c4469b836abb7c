"""Every row of the table in questions.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.api.objectives import Objective
from tidegate.plan.model.judging.questions import Pace, Rivals, edges, question, questions
from tidegate.plan.model.judging.windows import Window
from tidegate.plan.plan import ObjectKey, Query

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
RIVALS, PACE = Rivals("shop", "llama", "old1", "new2"), Pace(30.0, 5.0, 180.0)
ABOUT = ObjectKey("tidegate.dev/v1alpha1", "ModelDeployment", "shop", "llama")
WHO = 'namespace="shop",model="llama",revision=~"old1|new2"'


def objective(**kind: Any) -> Objective:
    return Objective.model_validate({"name": "o", **kind})


ERRORS = objective(errorRate={"max": "1%"})
TTFT = objective(timeToFirstToken={"percentile": "95", "max": "500ms"})
TIME = objective(requestLatency={"percentile": "99", "max": "2s"})
OWN = objective(query={"max": "1", "promQL": 'x{a="$(namespace)/$(name)",b="$(stable)",c="$(revision)"}[$(window)]'})


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def asked(one: Objective, window: Window) -> Query | None:
    found = question(one, window, RIVALS, PACE, ABOUT)
    return found.query if found else None


@pytest.mark.parametrize(
    ("one", "promql", "later"),
    [
        (ERRORS, f'tidegate_requests_total{{{WHO},outcome=~"ok|error"}}', 0),
        (TTFT, f'tidegate_time_to_first_token_seconds_bucket{{{WHO},le=~"0[.]5|[+]Inf"}}', 180),
        (TIME, f'tidegate_request_duration_seconds_bucket{{{WHO},le=~"2([.]0)?|[+]Inf"}}', 180),
    ],
)
def test_counts(one: Objective, promql: str, later: float) -> None:
    begin = NOW.timestamp() + later
    assert asked(one, Window(5, NOW)) == Query(promql, begin, True, None, 5.0, 30.0)
    assert asked(one, Window(5, NOW, at(9))) == Query(promql, begin, True, at(9).timestamp(), 5.0, 30.0)
    assert (asked(one, Window(5, NOW, at(2))) is None) == bool(later)


def test_a_query_is_asked_about_the_window_under_way() -> None:
    filled = 'x{a="shop/llama",b="old1",c="new2"}[$(window)]'
    assert asked(OWN, Window(5, NOW)) == Query(filled, NOW.timestamp(), False, None, 5.0, 30.0)
    assert asked(OWN, Window(5, NOW, at(9))) is None


def test_what_is_over_is_asked_again_seldom() -> None:
    windows = [Window(1, at(0), at(5)), Window(5, at(5), at(9.9)), Window(10, at(9.9))]
    found = questions([ERRORS, OWN], windows, RIVALS, PACE, ABOUT, at(10).timestamp())
    assert [(q.query.begin, pace) for q, pace in found if q.query] == [
        (at(0).timestamp(), 300.0),
        (at(5).timestamp(), 30.0),
        (at(9.9).timestamp(), 30.0),
        (at(9.9).timestamp(), 30.0),
    ]


@pytest.mark.parametrize(
    ("end", "now", "wanted"),
    [
        (None, 1069.0, [1000, 1030]),
        (None, 1070.0, [1000, 1030, 1060]),
        (1061.0, 5000.0, [1000, 1030, 1060]),
        (1061.0, 1041.0, [1000, 1030]),
    ],
)
def test_edges(end: float | None, now: float, wanted: list[float]) -> None:
    """Up to what was scraped for certain, and not beyond the window's end."""
    assert list(edges(Query("x", 1000.0, True, end, 5.0, 30.0), now)) == wanted
