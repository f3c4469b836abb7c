"""Promise: both operators killed in the middle of many edits lose nothing, make nothing twice, and finish the work. Under
200 streams and 200 requests/s."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest

from e2e import operators
from e2e.harness import Place, model, policy
from e2e.load.heavy import HeavyLoad
from e2e.load.stage import Stage

pytestmark = [pytest.mark.cluster, pytest.mark.long]
EDITS = 30
KILL_AFTER = 15  # edits
NEW = 5  # models that are made during the flood


def test_both_killed_during_a_flood_of_edits(place: Place) -> None:
    stage = Stage.set_up(place, engines=3)
    routes = {"idle": [{"name": "idle"}], "chat": [{"name": "small"}]}
    place.apply(model("idle", replicas=0), policy("other", routes=routes, replicas=1))
    place.ready("mdep/idle", "rpol/other")
    before = stage.uids()
    with HeavyLoad(place).running() as tally:
        for number in range(EDITS):
            if number == KILL_AFTER:
                _kill_operators(stage)
                begin = time.monotonic()
            _edit(stage, number)
        stage.ready()
        print(f"all is done {time.monotonic() - begin:.2f} s after the kill")
    assert tally.harm == ([], 0, 0)
    after = stage.uids()
    assert before.items() <= after.items(), "nothing was deleted, nothing was made anew"
    assert _drains(stage) == [f"{30 + number}s" for number in range(EDITS - NEW, EDITS)]
    _one_of_each(stage)


def _kill_operators(stage: Stage) -> None:
    pids = operators.pids(stage.place.cluster)
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _edit(stage: Stage, number: int) -> None:
    """The number-th change: of a policy, of a model that has engines, or of one that is made now or was made just before."""
    if number % 3 == 0:
        stage.edit("routingpolicies", "front", {"timeouts": {"request": f"{600 + number}s"}})
    elif number % 3 == 1:
        stage.edit("modeldeployments", "small", {"drain": {"timeout": f"{30 + number}s"}})
    stage.place.apply(model(f"new-{number % NEW}", replicas=0, drain={"timeout": f"{30 + number}s"}))


def _drains(stage: Stage) -> list[str]:
    """What the models that were made during the flood say in the end."""
    return [stage.get("modeldeployments", f"new-{number}")["spec"]["drain"]["timeout"] for number in range(NEW)]


def _one_of_each(stage: Stage) -> None:
    """A Deployment and a ControllerRevision for each model and each policy."""
    names = [f"new-{number}" for number in range(NEW)] + ["small", "idle"]
    for kind in ("deployments", "controllerrevisions"):
        models = Counter(
            i["metadata"]["labels"].get("tidegate.dev/model") for i in stage.items(kind, "tidegate.dev/model")
        )
        assert models == dict.fromkeys(names, 1), kind
        policies = [i["metadata"]["labels"]["tidegate.dev/policy"] for i in stage.items(kind, "tidegate.dev/policy")]
        assert sorted(policies) == ["front", "other"], kind
