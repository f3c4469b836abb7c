"""Promise: an operator that is killed while a model gets engines, loses them, or has none and is asked for, loses nothing by it: the next
one goes on where it was, no request fails, and the number of engines does not waver."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from e2e import operators
from e2e.devcluster import Cluster
from e2e.harness import Load, Object, Place, engine_env, model, policy
from e2e.zero import ENGINES, asleep, held, many, sleepy

pytestmark = [pytest.mark.cluster, pytest.mark.long]


def _kill(cluster: Cluster) -> None:
    """kill -9 of the one that leads; kubelet starts it again."""
    os.kill(operators.pid(cluster, operators.leader(cluster)), signal.SIGKILL)


def _wanted(place: Place) -> int:
    return int(place.get("mdep/small")["status"]["desiredReplicas"])


def _busy(**autoscaling: object) -> Object:
    return model(
        engine={"env": engine_env(DECODE_MS=20), "maxNumSeqs": 8},
        autoscaling={"maxReplicas": 3, "headroom": "None", **autoscaling},
        drain={"timeout": "30s"},
    )


def test_on_the_way_up_and_down(place: Place) -> None:
    place.apply(_busy(minReplicas=3, behavior={"scaleDown": {"stabilizationWindowSeconds": 5}}), policy(replicas=2))
    place.wait(lambda: len(place.items("pods", ENGINES)) == 3, "three engines start")
    _kill(place.cluster)
    place.ready("mdep/small", "rpol/front")
    seen: list[int] = []
    with Load(place.router()).running(streams=2, tokens=40, short=2) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(_busy(minReplicas=1, behavior={"scaleDown": {"stabilizationWindowSeconds": 5}}))

        def looked() -> int:
            seen.append(_wanted(place))
            return seen[-1]

        place.wait(lambda: looked() < 3, "an engine is let go", 240)
        _kill(place.cluster)
        place.wait(lambda: looked() and len(place.items("pods", ENGINES)) < 3, "it leaves", 90)
        before = tally.answers[200]
        place.wait(lambda: tally.answers[200] > before + 20, "the load goes on")
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    assert seen == sorted(seen, reverse=True), "it never wavers"


def test_without_engines_while_requests_wait(place: Place) -> None:
    place.apply(sleepy(load=5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    asleep(place)
    url = place.router()

    async def killed_twice() -> list[tuple[int, bool]]:
        _kill(place.cluster)  # nobody leads: the first request waits until somebody does
        asked = asyncio.create_task(many(url, 10))
        await asyncio.to_thread(place.wait, lambda: held(place) == 10, "they wait")
        began = time.monotonic()
        await asyncio.to_thread(place.wait, lambda: place.items("pods", ENGINES), "an engine starts", 50)
        print(f"an engine was asked for {time.monotonic() - began:.1f} s after the leader was killed")
        _kill(place.cluster)
        return [(answer.status, answer.whole) for answer in await asked]

    assert asyncio.run(killed_twice()) == [(200, True)] * 10
    assert len(place.items("pods", ENGINES)) == 1, "one engine was started, whoever led"


def test_on_the_way_to_none(place: Place) -> None:
    place.apply(sleepy(), policy())
    place.ready("mdep/small", "rpol/front")
    place.wait(lambda: _wanted(place) == 0, "nobody asks", 60)
    _kill(place.cluster)
    asleep(place)
    wanted = {_wanted(place) for _ in range(20)}
    assert wanted == {0}, "it stays without"
