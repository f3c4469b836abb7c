"""Promise: an engine that is no longer needed leaves without a request that fails or a stream that is cut."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Object, Place, engine_env, model, policy

pytestmark = [pytest.mark.cluster, pytest.mark.long]
AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 5}}


def _model(least: int) -> Object:
    return model(
        engine={"env": engine_env(DECODE_MS=20), "maxNumSeqs": 64},
        autoscaling={"minReplicas": least, "maxReplicas": 3, "behavior": AT_ONCE, "headroom": "None"},
        drain={"timeout": "60s"},
    )


def test_from_three_to_one(place: Place) -> None:
    place.apply(_model(3), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    with Load(place.router()).running(streams=3, tokens=100, short=2) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(_model(1))
        place.wait(
            lambda: place.get("mdep/small")["status"]["autoscaling"]["desiredReplicas"] == 1,
            "one engine is enough",
            240,
        )
        place.wait(lambda: len(place.items("pods", "tidegate.dev/model=small")) == 1, "two have left", 90)
        before = tally.answers[200]
        place.wait(lambda: tally.answers[200] > before + 20, "the load goes on")
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
