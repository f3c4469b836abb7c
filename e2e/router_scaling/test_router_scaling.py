"""Promise: routers are restarted, added and taken away without a lost request: under 200 streams and 200 requests/s."""

from __future__ import annotations

from functools import partial

import pytest

from e2e.harness import Place
from e2e.load.heavy import HeavyLoad
from e2e.load.stage import Stage, is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.long]
DRAIN_SECONDS = 40.0
"""A router that leaves waits 5 s for others to notice, and for the end of its streams, which last 5 s here."""


def test_a_rolling_restart(place: Place) -> None:
    stage = Stage.set_up(place, engines=2)
    before = _addresses(stage)
    with HeavyLoad(place).running() as tally:
        place.kubectl("rollout", "restart", "deploy/front-router")
        stage.wait(lambda: _settled(stage, 2) and before.isdisjoint(_addresses(stage)), "all routers are new")
        stage.wait(partial(_gone, stage, 2), "the old ones have drained", DRAIN_SECONDS)
        answered = sum(tally.routers.values())
        stage.wait(lambda: sum(tally.routers.values()) > answered + 500, "the load goes on")
        after = _addresses(stage)
    assert tally.harm == ([], 0, 0)
    assert set(tally.routers) >= before | after


def test_from_two_to_five_and_back(place: Place) -> None:
    stage = Stage.set_up(place, engines=2)
    with HeavyLoad(place).running() as tally:
        stage.edit("routingpolicies", "front", {"router": {"replicas": 5}})
        stage.wait(partial(_settled, stage, 5), "five routers are ready")
        five = _addresses(stage)
        stage.wait(lambda: five <= set(tally.routers), "each of them is asked")
        stage.edit("routingpolicies", "front", {"router": {"replicas": 2}})
        stage.wait(partial(_settled, stage, 2), "two routers stay")
        stage.wait(partial(_gone, stage, 2), "the others have drained", DRAIN_SECONDS)
    assert tally.harm == ([], 0, 0)
    stage.ready()


def _addresses(stage: Stage) -> set[str]:
    return {pod["status"].get("podIP", "") for pod in stage.routers()}


def _settled(stage: Stage, count: int) -> bool:
    routers = stage.routers()
    return len(routers) == count and all(map(is_ready, routers))


def _gone(stage: Stage, count: int) -> bool:
    """Those on their way out, too."""
    path = f"{stage.path('pods')}?labelSelector=tidegate.dev/role=router"
    return len(stage.place.cluster.api.get(path)["items"]) == count
