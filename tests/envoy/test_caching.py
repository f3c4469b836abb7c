"""Answers that are kept: a real Envoy with its native filters, a brain's decision server, and an engine that writes as vLLM does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.serving import Loop
from tests.envoy.test_decide import Brain
from tests.envoy.waiting import until
from tests.support.ports import free_port
from tidegate.brain.native import built
from tidegate.contract.cache import Cache, Memory
from tidegate.contract.patience import Retry
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import caching
from tidegate.envoy.breaking import EJECTED, LONGER

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
        self.failing = 0
        """How many of the first requests fail."""
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
        number = self.asked
        text = f"answer {number} of a model that has some words to say"
        body = await request.json()
        await self.gate.wait()
        if self.status != 200 or number <= self.failing:
            return web.json_response(
                {"error": {"message": "no"}}, status=500 if number <= self.failing else self.status
            )
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


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many ask at once, and on a busy machine the last of them may be told later than a brain that is away is waited for."""
    monkeypatch.setattr(caching, "TIMEOUT", 60.0)


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


def test_what_is_not_kept(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    each: list[dict[str, Any]] = [
        {"n": 2},
        {"temperature": 1.5},
        {"logprobs": True},
        {"headers": {"x-tidegate-cache": "no-store"}},
    ]
    for number, more in enumerate(each):
        asked = model.asked
        for _ in range(3):
            assert source(ask(envoy, f"question {number}", **more)) == ""
        assert model.asked == asked + 3, more


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_is_not_whole_is_not_kept(
    envoy: RealEnvoy, brain: Brain, model: Model, stream: bool, finish: str
) -> None:
    offered(envoy, brain, model, cached())
    model.finish = finish
    ask(envoy, stream=stream)
    ask(envoy, "something that is kept later")
    model.finish = "stop"
    assert said(hit(envoy, text="another")).startswith("answer")
    assert source(ask(envoy, stream=stream)) == "miss"


def test_a_stream_that_breaks_off_is_not_kept(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    model.break_off = True
    ask(envoy, stream=True)
    model.break_off = False
    hit(envoy, text="another")
    assert source(ask(envoy, stream=True)) == "miss"


def test_how_a_request_wants_to_be_treated(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    hit(envoy)
    asked = model.asked
    assert source(ask(envoy, headers={"x-tidegate-cache": "no-cache"})) == "miss"
    assert model.asked == asked + 1
    newer = f"answer {model.asked} "
    until(lambda: said(ask(envoy)).startswith(newer))
    assert source(ask(envoy, headers={"cache-control": "max-age=1000"})) == "hit-memory"
    assert source(ask(envoy, headers={"cache-control": "no-store"})) == ""


@pytest.mark.usefixtures("patient")
def test_who_asks_at_once_waits_for_one_answer(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    model.open(False)
    answers = asyncio.run(many(envoy, 300, lambda: until_asked(model)))
    assert model.asked == 1
    assert {said(answer).strip() for answer in answers} == {"answer 1 of a model that has some words to say"}
    assert sorted({source(answer) for answer in answers}) == ["hit-memory", "miss"]


async def many(envoy: RealEnvoy, count: int, then: Callable[[], Awaitable[None]], **more: Any) -> list[httpx.Response]:
    """The same question by so many clients; half of them stream."""
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(base_url=envoy.url, timeout=30, limits=limits) as client:
        asking = [
            asyncio.create_task(client.post(CHAT, json=body(stream=number % 2 == 1, **more))) for number in range(count)
        ]
        await asyncio.sleep(0)
        await then()
        return await asyncio.gather(*asking)


async def until_asked(model: Model) -> None:
    """And a moment longer, in which others would ask, too."""
    while not model.asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    model.open(True)


@pytest.mark.usefixtures("patient")
def test_the_engine_fails_for_the_first(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    wanted = cached(retry=Retry(attempts=0, codes=(), reasons=(), backoff_seconds=0.005))
    offered(envoy, brain, model, wanted)
    model.open(False)
    model.failing = 2
    answers = asyncio.run(many(envoy, 20, lambda: until_asked(model)))
    failed = [answer for answer in answers if answer.status_code == 500]
    assert len(failed) == 2, "the first, and who asked in its place while the engine still failed"
    assert all(said(answer).startswith("answer 3") for answer in answers if answer.status_code == 200)
    assert model.asked == 3


@pytest.mark.parametrize("how", ["die", "hang"])
def test_a_brain_that_is_away_costs_hits_alone(envoy: RealEnvoy, brain: Brain, model: Model, how: str) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    hit(envoy)
    getattr(brain, how)()
    asked = model.asked
    for stream in (False, True):
        assert said(ask(envoy, stream=stream)).startswith("answer")
    assert model.asked == asked + 2


def test_a_brain_that_hangs_is_not_asked_again_and_again(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    hit(envoy)
    brain.hang()

    def asked() -> int:
        return envoy.stat("cluster.cache.upstream_rq_total")

    new = (f"question {number}" for number in count())

    def nobody_was_asked() -> bool:
        before = asked()
        assert said(ask(envoy, next(new))).startswith("answer")
        return asked() == before

    until(nobody_was_asked, 10 * caching.TIMEOUT)
    brain.go_on()
    until(lambda: source(ask(envoy)) == "hit-memory", LONGER * EJECTED)


def test_who_waits_while_the_brain_ends_is_answered_by_an_engine(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    model.open(False)

    async def end_it() -> None:
        while not model.asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)
        brain.die()
        model.open(True)

    answers = asyncio.run(many(envoy, 20, end_it))
    assert all(said(answer).startswith("answer") for answer in answers)
    assert model.asked == 20


def test_a_body_too_long_to_read_passes(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    for _ in range(2):
        assert source(ask(envoy, "x" * (300 << 10))) == ""
    assert model.asked == 2


def test_an_answer_too_long_to_keep_passes_whole(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached(KEPT.model_copy(update={"max_answer_bytes": 100})))
    for stream in (False, True):
        assert said(ask(envoy, stream=stream)).strip().endswith("words to say")
    assert source(ask(envoy)) == "miss"


def test_clients_do_not_share_unless_they_may(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    wanted = cached(KEPT.model_copy(update={"sharing": "Client"}))
    offered(envoy, brain, model, wanted)
    for _ in range(2):
        assert source(ask(envoy)) == "", "nobody knows whose it is"
