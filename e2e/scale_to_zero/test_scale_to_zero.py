"""Promise: a model that nobody asks for has no engine, and whoever asks for it then is answered: requests wait at the routers, the first
of them starts an engine within a second, and each is answered once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import datetime

import httpx
import pytest

from e2e.devcluster import ClusterError
from e2e.harness import Load, Place, events, model, policy
from e2e.zero import CHAT, ENGINES, ask, asleep, held, many, sleepy

pytestmark = pytest.mark.cluster
LATE = 30.0
"""Seconds. Two replicas of an operator, two controllers of Kubernetes and a busy machine stand between a request and a Pod; that the operator
knows of the request within 0.4 s is proven in tests/control/test_doors.py, and nobody else would tell it at all."""


def _created(place: Place) -> float:
    """When the only engine's Pod was created (Unix, whole seconds)."""
    [pod] = place.items("pods", ENGINES)
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()


def test_idle_then_asked(place: Place) -> None:
    place.apply(sleepy(), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    assert len(place.items("pods", ENGINES)) == 1, "a new model shows that it starts"
    asleep(place)
    url, began = place.router(), time.time()
    answer = asyncio.run(ask(url, stream=True))
    assert (answer.status, answer.whole) == (200, True)
    created = _created(place) - began
    print(f"first byte after {answer.first:.2f} s; Pod created after {created:.2f} s, of whole seconds")
    assert created < LATE
    place.ready("mdep/small", "rpol/front")
    asleep(place)
    answers = asyncio.run(many(url, 20))
    assert Counter((answer.status, answer.whole) for answer in answers) == {(200, True): 20}
    assert len(place.items("pods", ENGINES)) == 1, "one engine was started, whoever asked"
    # one that a busy machine keeps from answering for 15 s is told of, and rightly
    notes = [event["note"] for event in events(place, "small") if event["type"] == "Warning"]
    assert [note for note in notes if "says nothing" not in note] == []


def test_the_time_is_over(place: Place) -> None:
    place.apply(sleepy(hold="3s", load=600), policy())
    place.ready_says("rpol/front", "EnginesStarting")
    url, began = place.router(), time.monotonic()
    refused = httpx.post(url + CHAT, json=Load(url).body(4, stream=False), timeout=30)
    assert 3 <= time.monotonic() - began < 30, "not the ten minutes that its engine takes"
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["error"]["type"] == "ServiceUnavailable"


def test_a_client_that_gives_up(place: Place) -> None:
    place.apply(sleepy(load=600), policy())
    place.ready_says("rpol/front", "EnginesStarting")
    url = place.router()

    async def give_up() -> None:
        waiting = asyncio.create_task(ask(url, stream=True))
        await asyncio.to_thread(place.wait, lambda: held(place) == 1, "it is held")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(give_up())
    place.wait(lambda: held(place) == 0, "nothing of it is left")


def test_bad_input_is_refused(place: Place) -> None:
    with pytest.raises(ClusterError, match="minReplicas 0 needs scaleToZero"):
        place.apply(model(autoscaling={"maxReplicas": 2, "minReplicas": 0}))
    with pytest.raises(ClusterError, match="scaleToZero needs minReplicas: 0"):
        place.apply(model(autoscaling={"maxReplicas": 2, "scaleToZero": {}}))


@pytest.mark.long
def test_it_comes_and_goes_under_load(place: Place) -> None:
    place.apply(sleepy(), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    url = place.router()
    for _ in range(2):
        load = Load(url)
        with load.running(streams=2, tokens=20, short=2):
            place.wait(lambda load=load: load.tally.answers[200] > 40, "the load runs")  # type: ignore[misc]
        assert (load.tally.errors[:3], load.tally.failed, load.tally.cut) == ([], 0, 0)
        asleep(place)
