"""Answers that are kept, for requests that are odd: paths, other versions of HTTP, clients that leave, and limits of an attempt."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest

from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.test_caching import (
    CHAT,
    KEPT,
    Model,
    ask,
    body,
    brain,
    cached,
    hit,
    model,
    offered,
    patient,
    said,
    source,
)
from tests.envoy.test_decide import Brain
from tidegate.brain.native import built
from tidegate.contract.patience import Retry
from tidegate.contract.router_config import RouterConfig

__all__ = ["brain", "model", "patient"]
pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="the native filters are not built here")]


def test_a_slash_is_the_same_and_a_query_is_not(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    hit(envoy)
    asked = model.asked
    assert source(envoy.client.post(CHAT + "/", json=body())) == "hit-memory"
    assert source(envoy.client.post(CHAT + "?api-version=2", json=body())) == ""
    twice = json.dumps(body())[:-1] + ', "messages": [{"role": "user", "content": "another"}]}'
    assert source(envoy.client.post(CHAT, content=twice)) == ""
    assert source(envoy.client.post(CHAT, json={**body(), "n": "3"})) == ""
    assert model.asked == asked + 3


@pytest.mark.parametrize("stream", [False, True])
def test_http_of_long_ago(envoy: RealEnvoy, brain: Brain, model: Model, stream: bool) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    whole = hit(envoy, stream=stream)
    sent = json.dumps(body(stream=stream)).encode()
    url = httpx.URL(envoy.url)
    with socket.create_connection((url.host, url.port or 80), timeout=5) as raw:
        raw.sendall(b"POST %b HTTP/1.0\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (CHAT.encode(), len(sent), sent))
        answer = b""
        while some := raw.recv(65536):
            answer += some
    head, _, text = answer.partition(b"\r\n\r\n")
    assert b"x-tidegate-cache: hit-memory" in head
    assert text == whole.content


def test_a_client_that_leaves_hands_on(envoy: RealEnvoy, brain: Brain, model: Model, patient: None) -> None:
    """Who waits asks in its place, and all others wait for that one."""
    offered(envoy, brain, model, cached())
    model.open(False)

    async def run() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=envoy.url, timeout=30) as client:
            first = asyncio.create_task(client.post(CHAT, json=body()))
            while not model.asked:
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(client.post(CHAT, json=body(stream=n % 2 == 1))) for n in range(10)]
            await asyncio.sleep(0.5)
            first.cancel()
            while model.asked < 2:
                await asyncio.sleep(0.01)
            model.open(True)
            return await asyncio.gather(*others)

    answers = asyncio.run(run())
    assert model.asked == 2
    assert {said(answer).split()[1] for answer in answers} == {"2"}


def test_who_waits_has_no_longer_than_an_engine_would(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    wanted = cached()
    times = wanted.timeouts.model_copy(update={"first_token_seconds": 0.5})
    offered(envoy, brain, model, wanted.model_copy(update={"timeouts": times}))
    model.open(False)

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(base_url=envoy.url, timeout=30) as client:
            first = asyncio.create_task(client.post(CHAT, json=body()))
            while not model.asked:
                await asyncio.sleep(0.01)
            waits = asyncio.create_task(client.post(CHAT, json=body(stream=True)))
            while model.asked < 2:
                await asyncio.sleep(0.01)
            model.open(True)
            await first
            return await waits

    answer = asyncio.run(run())
    assert said(answer).startswith("answer 2")
    assert source(answer) == "miss"


@pytest.mark.parametrize("reasons", [(), ("Reset",), ("ConnectFailure",)])
@pytest.mark.parametrize("several", [True, False])
def test_a_brain_that_ends_costs_no_request_whatever_is_tried_again(
    envoy: RealEnvoy, brain: Brain, model: Model, reasons: Any, several: bool
) -> None:
    retry = Retry(attempts=2, codes=(503,), reasons=reasons, backoff_seconds=0.005)
    offered_two(envoy, brain, model, two(retry, several), several)
    model.open(False)

    async def run() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=envoy.url, timeout=30) as client:
            first = asyncio.create_task(client.post(CHAT, json=body()))
            while not model.asked:
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(client.post(CHAT, json=body())) for _ in range(5)]
            await asyncio.sleep(0.5)
            brain.die()
            await asyncio.sleep(0.5)
            model.open(True)
            return await asyncio.gather(first, *others)

    assert [answer.status_code for answer in asyncio.run(run())] == [200] * 6


def two(retry: Retry, several: bool) -> RouterConfig:
    """Targets."""
    made = config({"chat": {"a": 1, "b": 1} if several else {"a": 1}}, caches=(KEPT,), retry=retry)
    return made.model_copy(update={"routes": tuple(r.model_copy(update={"cache": KEPT.name}) for r in made.routes)})


def offered_two(envoy: RealEnvoy, brain: Brain, model: Model, wanted: RouterConfig, several: bool) -> None:
    names = ("a", "b") if several else ("a",)
    brain.follow(wanted, *names)
    envoy.offer(wanted, {name: [model] for name in names})
