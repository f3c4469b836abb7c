"""Promise: engines come and go, weights and policies change, and no request is lost: under 200 streams and 200 requests/s."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from e2e.harness import Place, policy
from e2e.load.heavy import HeavyLoad
from e2e.load.stage import Stage, heavy_model, is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.long]
CHANGES = 20


def test_engines_come_and_go(place: Place) -> None:
    stage = Stage.set_up(place, engines=3)
    first = {pod["metadata"]["name"] for pod in stage.engines()}
    with HeavyLoad(place).running() as tally:
        for name in sorted(first):
            stage.delete("pods", name)
            stage.wait(partial(_engines, stage, 3), f"{name} is replaced")
        for replicas in (5, 2):
            stage.edit("modeldeployments", "small", {"replicas": replicas})
            stage.wait(partial(_engines, stage, replicas), f"there are {replicas} engines")
        last = {pod["metadata"]["name"] for pod in stage.engines()}
        stage.wait(lambda: len(place.cluster.api.get(stage.path("pods"))["items"]) == 4, "all others have drained")
    assert tally.harm == ([], 0, 0)
    assert first.isdisjoint(last)
    assert set(tally.engines) > first | last


def _engines(stage: Stage, count: int) -> bool:
    engines = stage.engines()
    return len(engines) == count and all(map(is_ready, engines))


def _routes(small: int, large: int) -> list[dict[str, Any]]:
    weighted = [{"name": "small", "weight": small}, {"name": "large", "weight": large}]
    return [{"name": "chat", "models": ["chat"], "to": {"backends": weighted}}]


def test_twenty_changes_of_weights(place: Place) -> None:
    weighted = [{"name": "small", "weight": 1}, {"name": "large", "weight": 1}]
    place.apply(heavy_model("small", 2), heavy_model("large", 2), policy(routes={"chat": weighted}, replicas=2))
    place.ready("mdep/small", "mdep/large", "rpol/front")
    stage = Stage(place)
    with HeavyLoad(place).running() as tally:
        for number in range(CHANGES):
            stage.edit("routingpolicies", "front", {"routes": _routes(number % 3, (number + 1) % 3)})
            stage.wait(partial(_seen, stage), "the operator has seen it")
        stage.ready()
        assert set(tally.backends) == {"small", "large"}
    assert tally.harm == ([], 0, 0)


def _seen(stage: Stage) -> bool:
    found = stage.get("routingpolicies", "front")
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])


EDITS: tuple[dict[str, Any], ...] = (
    {"retry": {"attempts": 1, "codes": [503], "reasons": ["ConnectFailure"], "backoff": "10ms"}},
    {"timeouts": {"request": "5m", "idle": "1m"}},
    {"routes": [*_routes(1, 1), {"name": "more", "models": ["more"], "to": {"backends": [{"name": "large"}]}}]},
    {"loadBalancing": {"algorithm": "RoundRobin"}},
    {"retry": None},
    {"routes": _routes(1, 0)},
    {"timeouts": None},
    {"loadBalancing": None},
    {
        "routes": [
            *_routes(1, 1),
            {"name": "small", "models": ["small", "tiny"], "to": {"backends": [{"name": "small"}]}},
        ]
    },
    {"routes": _routes(1, 1)},
)


def test_twenty_edits_of_a_policy(place: Place) -> None:
    both = policy(routes={"chat": [{"name": "small"}, {"name": "large"}]}, replicas=2)
    place.apply(heavy_model("small", 2), heavy_model("large", 2), both)
    place.ready("mdep/small", "mdep/large", "rpol/front")
    stage = Stage(place)
    with HeavyLoad(place).running() as tally:
        for edit in [*EDITS, *EDITS]:
            stage.edit("routingpolicies", "front", edit)
            stage.wait(partial(_seen, stage), "the operator has seen it")
        stage.ready()
    assert tally.harm == ([], 0, 0)
    assert len(EDITS) * 2 == CHANGES
