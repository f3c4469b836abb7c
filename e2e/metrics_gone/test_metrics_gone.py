"""Promise: while a signal says nothing, nothing leaves; and the reason is told."""

from __future__ import annotations

import httpx
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
    place.wait(lambda: _said(place)[:2] == ("False", "QueryUnanswered"), "its condition says so")
    assert "own: the query gives 0 series" in _said(place)[2]
    place.apply(_model("vector(1)", 1))
    place.wait(lambda: limit(place) not in ("", "NoMetrics"), "the query has an answer")
    place.wait(lambda: _said(place)[0] == "True", "its condition says so")


@pytest.mark.long
def test_what_was_kept_without_an_answer_leaves_with_one(place: Place) -> None:
    """When it has lived for two minutes; that nothing leaves before is what the test above says."""
    place.prometheus()
    place.apply(_model("no_such_series", 3), policy())
    place.ready("mdep/small")
    place.apply(_model("vector(1)", 1))
    place.wait(lambda: _engines(place) == 1, "two of them leave", 240)
    assert _said(place)[0] == "True"


def test_a_metric_that_an_engine_does_not_show(place: Place) -> None:
    signals = [{"name": "full", "kvCacheUtilization": {"target": "60%"}}]
    place.apply(model(autoscaling={"maxReplicas": 4, "signals": signals}), policy())
    place.ready("mdep/small")
    place.wait(lambda: _said(place)[0] == "True", "all of it is there")
    [engine] = place.items("pods", "tidegate.dev/model=small")
    url = place.cluster.forward_address(engine["status"]["podIP"], 8000)
    httpx.post(f"{url}/sim/faults", json={"without_metric": "vllm:kv_cache_usage_perc"}, timeout=30).raise_for_status()
    place.wait(lambda: _said(place)[:2] == ("False", "MetricMissing"), "its condition says so")
    words = _said(place)[2]
    assert engine["metadata"]["name"] in words
    assert "does not show vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc, which the load and full need" in words
    httpx.post(f"{url}/sim/faults", json={"without_metric": ""}, timeout=30).raise_for_status()
    place.wait(lambda: _said(place)[0] == "True", "it is there again")


def _said(place: Place) -> tuple[str, str, str]:
    said = place.condition("mdep/small", "MetricsAvailable")
    return said.get("status", ""), said.get("reason", ""), said.get("message", "")
