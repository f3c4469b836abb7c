"""A request that is too long for a model is asked of the next one, where the policy says so."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from tests.envoy.conftest import Engine, Engines, RealEnvoy
from tests.envoy.test_fallback import BUSY, HELLO, chain
from tidegate.brain.native import built
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.lua import TOO_LONG

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]
CHAT = "/v1/chat/completions"
RECORDED = (
    "max_tokens=5000 cannot be greater than max_model_len=1024. Please request fewer output tokens. "
    "(parameter=max_tokens, value=5000)"
)
"""tests/engine_sim/recordings/error_too_long.http"""


def longer(*steps: str, said: bool = True, answer: Any = None) -> RouterConfig:
    """Engine `a`, and these after it."""
    made = chain({"a": 1}, *steps, answer=answer, attempts=0)
    routes = tuple(
        r.model_copy(update={"fallback": r.fallback.model_copy(update={"longer": said or None})}) if r.fallback else r
        for r in made.routes
    )
    return made.model_copy(update={"routes": routes})


def refuses(engine: Engine, message: str = RECORDED, *, streamed: bool = False) -> Engine:
    """It says this to everything."""
    error = {"error": {"message": message, "type": "BadRequestError", "param": "max_tokens", "code": 400}}

    async def said(request: web.Request) -> web.StreamResponse:
        engine.bodies.append(await request.read())
        engine.headers.append({k.lower(): v for k, v in request.headers.items()})
        whole = web.json_response(error, status=400)
        if not streamed:
            return whole
        answer = web.StreamResponse(status=400, headers={"content-type": "application/json"})
        await answer.prepare(request)
        for byte in str(whole.text).encode():
            await answer.write(bytes([byte]))
        return answer

    engine.answer = said
    return engine


@pytest.mark.parametrize("streamed", [False, True])
def test_the_next_one_is_asked(envoy: RealEnvoy, engines: Engines, streamed: bool) -> None:
    small, large = refuses(engines.start(), streamed=streamed), engines.start()
    envoy.offer(longer("b"), {"a": [small], "b": [large]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "b")
    assert len(small.bodies) == 1
    assert "x-tidegate-in-longer" not in {*answer.headers, *large.headers[-1]}


@pytest.mark.parametrize("message", ["max_tokens must be at least 1", "x" * 70_000])
def test_another_400_is_the_clients(envoy: RealEnvoy, engines: Engines, message: str) -> None:
    small, large = refuses(engines.start(), message), engines.start()
    envoy.offer(longer("b"), {"a": [small], "b": [large]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)
    assert large.bodies == []


def test_not_where_nobody_says_so(envoy: RealEnvoy, engines: Engines) -> None:
    small, large = refuses(engines.start()), engines.start()
    envoy.offer(longer("b", said=False), {"a": [small], "b": [large]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, RECORDED)
    assert "x-tidegate-in-longer" not in answer.headers
    assert large.bodies == []


def test_too_long_for_all(envoy: RealEnvoy, engines: Engines) -> None:
    """The last one's words; or, where the policy has its own for who is not answered, that it is too long and not that all are busy."""
    small, large = refuses(engines.start()), refuses(engines.start(), "This model's maximum context length is 9 tokens")
    envoy.offer(longer("b"), {"a": [small], "b": [large]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (400, "b")
    assert "maximum context length is 9" in answer.json()["error"]["message"]
    envoy.offer(longer("b", answer=BUSY), {"a": [small], "b": [large]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, TOO_LONG)
    assert "retry-after" not in answer.headers
    answer = envoy.client.post("/v1/messages", json=HELLO)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_the_last_one_decides(envoy: RealEnvoy, engines: Engines) -> None:
    small, large = refuses(engines.start()), engines.start()
    large.status = 503
    envoy.offer(longer("b", answer=BUSY), {"a": [small], "b": [large]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, BUSY.message)
