"""Answers that are kept: a real Envoy with its native filters, a brain's decision server, and an engine that writes as vLLM does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.envoy.conftest import RealEnvoy, config, free_port
from tests.envoy.serving import Loop
from tests.envoy.test_decide import Brain
from tests.envoy.waiting import until
from tidegate.brain.native import built
from tidegate.contract.cache import Cache, Memory
from tidegate.contract.router_config import RouterConfig

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="the native filters are not built here")]
CHAT = "/v1/chat/completions"
KEPT = Cache(
    name="kept",
    sharing="Policy",
    max_temperature=1.0,
    max_answer_bytes=256 << 10,
    memory=Memory(max_entries=1000, max_bytes=1 << 24, ttl_seconds=300),
)


class Model:
    """Answers `answer N`, N being how often it was asked, after `gate` is open."""

    def __init__(self, thread: Loop) -> None:
        self._thread = thread
        self.port, self.asked, self.status, self.finish = free_port(), 0, 200, "stop"
        self.break_off = False
        self.more: dict[str, str] = {}
        self.gate = thread.do(self._event())
        self.gate.set()
        self._runner = thread.do(self._start())

    async def _event(self) -> asyncio.Event:
        return asyncio.Event()

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        return runner

    def open(self, wide: bool) -> None:
        """Whether answers go out."""
        self._thread.loop.call_soon_threadsafe(self.gate.set if wide else self.gate.clear)

    def stop(self) -> None:
        """For good."""
        self._thread.do(self._runner.cleanup())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        text = f"answer {self.asked} of a model that has some words to say"
        body = await request.json()
        await self.gate.wait()
        if self.status != 200:
            return web.json_response({"error": {"message": "no"}}, status=self.status)
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        head = {"id": f"chatcmpl-{self.asked}", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": self.finish}
            return web.json_response(
                {**head, "object": "chat.completion", "choices": [choice], "usage": usage}, headers=self.more
            )
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        pieces: list[Any] = [{"role": "assistant", "content": ""}, *({"content": word + " "} for word in text.split())]
        for delta in pieces:
            await self._event_of(response, head, [{"index": 0, "delta": delta, "finish_reason": None}])
        if self.break_off:
            assert request.transport
            request.transport.abort()
            return response
        await self._event_of(response, head, [{"index": 0, "delta": {}, "finish_reason": self.finish}])
        if body.get("stream_options", {}).get("include_usage"):
            await self._event_of(response, head, [], usage=usage)
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _event_of(
        self, response: web.StreamResponse, head: dict[str, Any], choices: list[Any], **more: Any
    ) -> None:
        said = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
        await response.write(b"data: " + json.dumps(said).encode() + b"\n\n")


@pytest.fixture
def model() -> Iterator[Model]:
    thread = Loop()
    made = Model(thread)
    yield made
    made.open(True)
    made.stop()
    thread.stop()


@pytest.fixture
def brain(tmp_path: Path, envoy: RealEnvoy) -> Iterator[Brain]:
    started = Brain(Path(envoy.start.run_dir))
    yield started
    started.stop()


def cached(cache: Cache = KEPT, **changes: Any) -> RouterConfig:
    """Of one model, whose route has this cache."""
    made = config({"chat": {"a": 1}}, caches=(cache,), **changes)
    return made.model_copy(update={"routes": tuple(r.model_copy(update={"cache": cache.name}) for r in made.routes)})


def offered(envoy: RealEnvoy, brain: Brain, model: Model, wanted: RouterConfig) -> RealEnvoy:
    """Both run it."""
    brain.follow(wanted, "a")
    envoy.offer(wanted, {"a": [model]})
    return envoy


def body(text: str = "hello", **more: Any) -> dict[str, Any]:
    """Of a request."""
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **more}


def ask(envoy: RealEnvoy, text: str = "hello", headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    """One request."""
    return envoy.client.post(CHAT, json=body(text, **more), headers=headers)


def said(answer: httpx.Response) -> str:
    """The text of an answer, streamed or not."""
    assert answer.status_code == 200, answer.text
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return str(answer.json()["choices"][0]["message"]["content"])
    events = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    pieces = [json.loads(event)["choices"] for event in events]
    return "".join(piece[0]["delta"].get("content", "") for piece in pieces if piece)


def source(answer: httpx.Response) -> str:
    """From where it is."""
    return str(answer.headers.get("x-tidegate-cache", ""))


def hit(envoy: RealEnvoy, **more: Any) -> httpx.Response:
    """The answer that is kept, once it is."""
    found: list[httpx.Response] = []

    def there() -> bool:
        found.append(ask(envoy, **more))
        return source(found[-1]).startswith("hit")

    until(there)
    return found[-1]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_the_same_question_twice(envoy: RealEnvoy, brain: Brain, model: Model, first: bool, second: bool) -> None:
    offered(envoy, brain, model, cached())
    before = ask(envoy, stream=first)
    assert source(before) == "miss"
    again = hit(envoy, stream=second)
    assert source(again) == "hit-memory"
    assert said(again).strip() == said(before).strip() == "answer 1 of a model that has some words to say"
    assert again.headers["x-tidegate-backend"] == "a"
    assert again.headers["x-tidegate-revision"] == "r1"
    assert int(again.headers["age"]) < 60
    assert again.headers["content-type"].startswith("text/event-stream" if second else "application/json")
