"""Promise: while a signal says nothing, nothing leaves; and the reason is told."""

from __future__ import annotations

import pytest

from e2e.explained import limit, looks
from e2e.harness import Object, Place, model, policy

pytestmark = pytest.mark.cluster
AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}


def _model(promql: str, least: int) -> Object:
    signals = [{"name": "own", "query": {"promQL": promql, "target": "10"}}]
    return model(autoscaling={"minReplicas": least, "maxReplicas": 4, "behavior": AT_ONCE, "signals": signals})


def _engines(place: Place) -> int:
    pods = place.items("pods", "tidegate.dev/model=small")
    return sum(not pod["metadata"].get("deletionTimestamp") for pod in pods)


def test_a_query_without_an_answer(place: Place) -> None:
    place.prometheus()
    place.apply(_model("no_such_series", 3), policy())
    place.ready("mdep/small")
    place.apply(_model("no_such_series", 1))
    place.wait(lambda: limit(place) == "NoMetrics", "it says that there is no answer")
    words = looks(place)[-1]["words"]
    assert "own: the query gives 0 series: it must give one" in words
    assert _engines(place) == 3
    place.apply(_model("vector(1)", 1))
    place.wait(lambda: limit(place) not in ("", "NoMetrics"), "the query has an answer")
    assert _engines(place) >= 1
    place.wait(lambda: _engines(place) == 1, "two of them leave, when they have lived for two minutes", 180)
