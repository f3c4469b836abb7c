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
from e2e.harness import Load, Object, Place, engine_env, events, model, policy

pytestmark = pytest.mark.cluster
CHAT = "/v1/chat/completions"
AFTER = "10s"
ENGINES = "tidegate.dev/model=small"


def _model(hold: str = "60s", startup: float = 2, **engine: object) -> Object:
    """Engines that take some seconds to start."""
    return model(
        engine={"env": engine_env(DECODE_MS=5, LOAD_SECONDS=startup), **engine},
        autoscaling={"minReplicas": 0, "maxReplicas": 2, "scaleToZero": {"after": AFTER, "holdRequests": hold}},
        drain={"timeout": "10s"},
    )


def _asleep(place: Place) -> None:
    """Waits until there is no engine, and everybody says so."""
    place.ready_says("mdep/small", "ScaledToZero")
    place.wait(lambda: not place.items("pods", ENGINES), "the engine is gone")
    place.ready_says("rpol/front", "ScaledToZero")
    place.ready("mdep/small", "rpol/front")


def _routers(place: Place) -> list[str]:
    """Their IPs."""
    return [pod["status"]["podIP"] for pod in place.items("pods", "tidegate.dev/role=router")]


def _held(place: Place) -> int:
    """As Prometheus would read it from every router."""
    pages = [place.cluster.exec(["curl", "-s", f"http://{ip}:9092/metrics"]) for ip in _routers(place)]
    lines = [line for page in pages for line in str(page).splitlines() if line.startswith("tidegate_held_requests{")]
    return sum(int(line.split()[-1]) for line in lines)


async def _ask(url: str, *, stream: bool) -> tuple[int, bool, float]:
    """Status, whether the answer is whole, and seconds to its first byte."""
    body = Load(url).body(4, stream=stream)
    began, last, first = time.monotonic(), "", 0.0
    async with httpx.AsyncClient(timeout=60) as client, client.stream("POST", url + CHAT, json=body) as answer:
        async for line in answer.aiter_lines():
            first = first or time.monotonic() - began
            last = line or last
    return answer.status_code, last == "data: [DONE]" if stream else last.endswith("}"), first


async def _many(url: str, count: int) -> list[tuple[int, bool, float]]:
    return list(await asyncio.gather(*(_ask(url, stream=bool(number % 2)) for number in range(count))))


def _created(place: Place) -> float:
    """When the engine's Deployment was scaled up, which is when its Pod was created (Unix, whole seconds)."""
    [pod] = place.items("pods", ENGINES)
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()


def test_idle_then_asked(place: Place) -> None:
    place.apply(_model(), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    assert len(place.items("pods", ENGINES)) == 1, "a new model shows that it starts"
    _asleep(place)
    url, began = place.router(), time.time()
    [(status, whole, first)] = asyncio.run(_many(url, 1))
    assert (status, whole) == (200, True)
    print(f"first byte after {first:.2f} s; Pod created after {_created(place) - began:.2f} s")
    assert _created(place) - began < 1.5
    place.ready("mdep/small", "rpol/front")
    _asleep(place)
    many = asyncio.run(_many(url, 20))
    assert Counter((status, whole) for status, whole, _ in many) == {(200, True): 20}
    assert len(place.items("pods", ENGINES)) == 1, "one engine was started, whoever asked"
    assert not [event for event in events(place, "small") if event["type"] == "Warning"]


def test_the_time_is_over(place: Place) -> None:
    place.apply(_model(hold="3s", startup=60), policy())
    place.ready_says("mdep/small", "EnginesStarting")
    url, began = place.router(), time.monotonic()
    refused = httpx.post(url + CHAT, json=Load(url).body(4, stream=False), timeout=30)
    assert 3 <= time.monotonic() - began < 6
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["error"]["type"] == "ServiceUnavailable"


def test_a_client_that_gives_up(place: Place) -> None:
    place.apply(_model(startup=20), policy())
    url = place.router()
    place.ready_says("mdep/small", "EnginesStarting")

    async def give_up() -> None:
        waiting = asyncio.create_task(_ask(url, stream=True))
        await asyncio.to_thread(place.wait, lambda: _held(place) == 1, "it is held")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(give_up())
    place.wait(lambda: _held(place) == 0, "nothing of it is left")


def test_bad_input_is_refused(place: Place) -> None:
    with pytest.raises(ClusterError, match="minReplicas 0 needs scaleToZero"):
        place.apply(model(autoscaling={"maxReplicas": 2, "minReplicas": 0}))
    with pytest.raises(ClusterError, match="scaleToZero needs minReplicas: 0"):
        place.apply(model(autoscaling={"maxReplicas": 2, "scaleToZero": {}}))


def test_it_comes_and_goes_under_load(place: Place) -> None:
    place.apply(_model(), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    url = place.router()
    for _ in range(2):
        with Load(url).running(streams=2, tokens=20, short=2) as tally:
            place.wait(lambda tally=tally: tally.answers[200] > 40, "the load runs")  # type: ignore[misc]
        assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
        _asleep(place)
