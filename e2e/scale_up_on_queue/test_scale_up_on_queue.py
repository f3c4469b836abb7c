"""Promise: when requests wait, engines are added within seconds of it, and the status says why."""

from __future__ import annotations

import time

import pytest

from e2e import operators
from e2e.explained import looks
from e2e.harness import Load, Object, Place, engine_env, model, policy

pytestmark = pytest.mark.cluster


def _model(**autoscaling: object) -> Object:
    """Engines of eight sequences."""
    return model(
        engine={"env": engine_env(DECODE_MS=20), "maxNumSeqs": 8},
        autoscaling={"maxReplicas": 3, "signals": [{"name": "queue", "queueDepth": {"target": 2}}], **autoscaling},
        drain={"timeout": "15s"},
    )


def _wanted(place: Place) -> int:
    return int(place.get("mdep/small")["status"]["autoscaling"]["desiredReplicas"])


def test_a_burst(place: Place) -> None:
    place.apply(_model(), policy())
    place.ready("mdep/small", "rpol/front")
    assert _wanted(place) == 1
    with Load(place.router()).running(streams=24, tokens=60, short=2) as tally:
        began = time.monotonic()
        place.wait(lambda: _wanted(place) > 1, "more engines are wanted", 30)
        print(f"more engines were wanted after {time.monotonic() - began:.1f} s")
        place.wait(lambda: len(place.items("pods", "tidegate.dev/model=small")) > 1, "more engines start")
        place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] > 1, "they answer")
        status = place.get("mdep/small")["status"]
    assert status["autoscaling"]["limit"]
    assert status["autoscaling"]["signals"]
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def test_replicas_beside_it_are_refused(place: Place) -> None:
    place.apply(_model())
    said = place.kubectl("scale", "mdep/small", "--replicas=3", check=False)
    assert place.get("mdep/small")["spec"].get("replicas", 1) == 1, said


def test_bounds_are_obeyed_at_once(place: Place) -> None:
    place.apply(_model(minReplicas=2), policy())
    place.ready("mdep/small", "rpol/front")
    assert (_wanted(place), place.get("mdep/small")["status"]["ready"]) == (2, "2/2")
    place.apply(_model(minReplicas=3))
    place.wait(lambda: place.get("mdep/small")["status"]["ready"] == "3/3", "three engines")


def test_an_operator_that_begins_anew_takes_nothing_away(place: Place) -> None:
    place.apply(_model(minReplicas=3), policy())
    place.ready("mdep/small")
    place.apply(_model(minReplicas=1))
    place.wait(lambda: place.get("mdep/small")["status"]["observedGeneration"] == 2, "it was read")
    place.kubectl("delete", "pods", "-n", "tidegate-system", "--all", "--grace-period=0", "--force")
    operators.settled(place.cluster)
    place.wait(lambda: looks(place), "the one that leads has decided")
    place.ready("mdep/small")
    assert _wanted(place) == 3, "nothing leaves in its first window"
