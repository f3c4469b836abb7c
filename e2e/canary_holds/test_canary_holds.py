"""Promise: without an answer nothing is promoted and nothing is taken back; the status says what is missing."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Place, policy
from e2e.monitoring import NAMESPACE
from e2e.rollouts import GATES, OBJECTIVES, Rollout, judged

pytestmark = pytest.mark.cluster


def _serving(place: Place) -> Rollout:
    place.prometheus()
    place.apply(judged(5), policy())
    place.ready("mdep/small", "rpol/front")
    return Rollout(place)


def test_no_traffic(place: Place) -> None:
    rollout = _serving(place)
    place.apply(judged(6))
    rollout.comes_to("Waiting")
    place.wait(lambda: rollout.gate("errors").get("message") == "0 of 50 requests", "it was looked at")
    assert rollout.gate("errors")["outcome"] == "inconclusive"
    assert rollout.status["message"].startswith("errors inconclusive: 0 of 50 requests")
    rollout.annotate("promote", rollout.status["revision"])
    rollout.comes_to("Promoted")


def test_a_query_that_is_none(place: Place) -> None:
    """Waiting does not help: a person has to look."""
    rollout = _serving(place)
    own = [*OBJECTIVES, {"name": "mine", "query": {"promQL": "sum(rate(x[$(window)])", "max": "1"}}]
    place.apply(judged(6, objectives=own))
    status = rollout.comes_to("Paused")
    assert status["pause"] == "GateUnanswered"
    assert "cannot answer this query" in status["message"]
    place.wait(lambda: place.condition("mdep/small", "Stalled").get("reason") == "GateUnanswered", "it is Stalled")
    assert place.condition("mdep/small", "Ready")["status"] == "True"
    place.apply(judged(6))
    rollout.comes_to("Waiting")


@pytest.mark.long
def test_prometheus_goes_and_comes_back(place: Place) -> None:
    """It stops after noDataLimit looks, keeps its share, and goes on by itself; without waiting in tests/plan/model/test_gated.py."""
    rollout = _serving(place)
    with Load(place.router()).running(streams=4, tokens=20, short=8) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.cluster.kubectl("-n", NAMESPACE, "scale", "deploy/prometheus", "--replicas=0")
        try:
            place.apply(judged(6, gates={**GATES, "noDataLimit": 1}))
            status = rollout.comes_to("Paused")
            assert status["pause"] == "GateUnanswered"
            assert "Prometheus at http" in status["message"]
            assert status["traffic"] == 10
        finally:
            place.cluster.kubectl("-n", NAMESPACE, "scale", "deploy/prometheus", "--replicas=1")
        rollout.comes_to("Promoted", 180)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
