"""Promise: where no GPU is free a new revision takes over engine by engine, and no request fails by it, streams included."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Object, Place, engine_env, model, policy
from e2e.rollouts import Rollout

pytestmark = pytest.mark.cluster
ENGINES = 4


def _model(decode: float, gpus: int, **rolling: object) -> Object:
    return model(
        replicas=ENGINES,
        engine={"gpus": {"count": gpus}, "env": engine_env(DECODE_MS=decode)},
        rollout={"strategy": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1, **rolling}},
        drain={"timeout": "15s"},
    )


def test_every_gpu_is_taken(place: Place) -> None:
    """Two nodes of eight GPUs, four engines of four."""
    place.apply(_model(5, 4), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    stable = rollout.active
    with Load(place.router()).running(streams=6, tokens=20, short=6) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(_model(6, 4))
        rollout.comes_to("Promoted", 240)
        place.ready("mdep/small")
        tried = rollout.active
        place.wait(lambda: len(place.items("pods", "tidegate.dev/model=small")) == ENGINES, "the old ones have left")
    assert tried != stable
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def _canary(decode: float, **capacity: object) -> Object:
    """Shares, one after the other, that a person need not wait for."""
    made = _model(decode, 4)
    steps = [{"traffic": "10%", "hold": "0s"}, {"traffic": "50%", "hold": "0s"}]
    made["spec"]["rollout"] = {"canary": {"steps": steps}, "capacity": capacity}
    return made


@pytest.mark.long
def test_a_canary_takes_the_place_of_old_engines(place: Place) -> None:
    """What nodes have left is read, and nobody waits for the scheduler's word."""
    place.apply(_canary(5, whenFull="Swap"), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    stable = rollout.active
    with Load(place.router()).running(streams=6, tokens=20, short=6) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(_canary(6, whenFull="Swap"))
        place.wait(lambda: rollout.status.get("surge") == 0, "it is known that no GPU is free")
        told = rollout.status["plan"]
        rollout.comes_to("Promoted", 240)
        place.ready("mdep/small")
        place.wait(lambda: len(place.items("pods", "tidegate.dev/model=small")) == ENGINES, "the old ones have left")
    assert rollout.active != stable
    assert "no engine more than there are" in told
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def test_who_waits_says_for_what(place: Place) -> None:
    """Every old engine stays, and the plan says how many GPUs are missing."""
    place.apply(_canary(5, whenFull="Wait"), policy())
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    place.apply(_canary(6, whenFull="Wait"))
    said = "nodes have room for 0 of them: the others wait for GPUs"
    place.wait(lambda: said in rollout.status.get("plan", ""), "it says what it waits for")
    pods = place.items("pods", "tidegate.dev/model=small")
    assert len([pod for pod in pods if pod["spec"].get("nodeName")]) == ENGINES
    assert rollout.status["traffic"] == 0


def test_recreate(place: Place) -> None:
    """Nobody answers meanwhile, and a new one does in the end."""
    place.apply(_model(5, 4), policy())
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    stable = rollout.active
    changed = _model(6, 4)
    changed["spec"]["rollout"] = {"strategy": "Recreate"}
    place.apply(changed)
    rollout.comes_to("Promoted", 120)
    place.ready("mdep/small", "rpol/front")
    assert rollout.active != stable
