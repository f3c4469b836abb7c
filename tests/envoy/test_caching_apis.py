"""Answers that are kept of Anthropic's Messages and OpenAI's Responses: a real Envoy, and an engine that writes both as vLLM does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.brain.cache.apis.support import events, message, read, response
from tests.brain.cache.apis.support import streamed as written
from tests.envoy.conftest import RealEnvoy
from tests.envoy.serving import Loop
from tests.envoy.test_caching import KEPT, Model, brain, cached, offered, source
from tests.envoy.test_decide import Brain
from tests.envoy.waiting import until
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.key import PATHS
from tidegate.brain.native import built

__all__ = ["brain"]
pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="the native filters are not built here")]
MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"
BOTH = pytest.mark.parametrize("path", [MESSAGES, RESPONSES])
CUT_OFF: dict[str, dict[str, Any]] = {
    MESSAGES: {"stop_reason": "max_tokens"},
    RESPONSES: {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
}


class Speaks(Model):
    """Answers `answer N` in the API that is asked; `changes` are of the whole answer."""

    changes: dict[str, Any]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        asked = await request.json()
        text = f"answer {self.asked} of a model that has some words to say"
        if self.status != 200:
            return web.json_response(
                {"error": {"message": "no", "type": "api_error"}, "type": "error"}, status=self.status
            )
        kind: Kind = PATHS[request.path]
        answer = (message(text) if kind == "messages" else response(text)) | self.changes
        if kind == "responses":
            answer |= {"metadata": asked.get("metadata")}
        if not asked.get("stream"):
            return web.json_response(answer)
        stream = written(kind, answer)
        if self.break_off:
            stream = events(*read(stream)[:-1])
        return web.Response(text=stream, headers={"content-type": "text/event-stream; charset=utf-8"})


@pytest.fixture
def model() -> Iterator[Speaks]:
    thread = Loop()
    made = Speaks(thread)
    made.changes = {}
    yield made
    made.stop()
    thread.stop()


def ask(envoy: RealEnvoy, path: str, text: str = "hello", headers: Any = None, **more: Any) -> httpx.Response:
    """One request; None leaves a member out."""
    said = {"messages": [{"role": "user", "content": text}], "max_tokens": 99} if path == MESSAGES else {"input": text}
    body = {name: value for name, value in {"model": "chat", **said, **more}.items() if value is not None}
    return envoy.client.post(path, json=body, headers=headers)


def whole(path: str, answer: httpx.Response) -> Any:
    """What is said, streamed or not."""
    assert answer.status_code == 200, answer.text
    if not answer.headers["content-type"].startswith("text/event-stream"):
        said = answer.json()
        return said["content"][0]["text"] if path == MESSAGES else said["output"][0]["content"][0]["text"]
    said = read(answer.text)
    assert said[-1]["type"] == ("message_stop" if path == MESSAGES else "response.completed")
    pieces = [
        event["delta"] for event in said if event["type"] in ("content_block_delta", "response.output_text.delta")
    ]
    return "".join(piece["text"] if isinstance(piece, dict) else piece for piece in pieces)


def hit(envoy: RealEnvoy, path: str, **more: Any) -> httpx.Response:
    """The answer that is kept, once it is."""
    found: list[httpx.Response] = []

    def there() -> bool:
        found.append(ask(envoy, path, **more))
        return source(found[-1]).startswith("hit")

    until(there)
    return found[-1]


@BOTH
def test_the_same_question_twice(envoy: RealEnvoy, brain: Brain, model: Speaks, path: str) -> None:
    offered(envoy, brain, model, cached())
    for first, second in product((False, True), (False, True)):
        text = f"hello, {first}, {second}"
        before = ask(envoy, path, text, stream=first)
        assert source(before) == "miss"
        again = hit(envoy, path, text=text, stream=second)
        assert source(again) == "hit-memory"
        assert (
            whole(path, again) == whole(path, before) == f"answer {model.asked} of a model that has some words to say"
        )
        assert again.headers["x-tidegate-backend"] == "a"
        assert again.headers["content-type"].startswith("text/event-stream" if second else "application/json")
    assert model.asked == 4


@BOTH
def test_an_answer_that_is_not_whole_is_not_kept(envoy: RealEnvoy, brain: Brain, model: Speaks, path: str) -> None:
    offered(envoy, brain, model, cached())
    model.changes = CUT_OFF[path]
    for stream in (False, True):
        ask(envoy, path, f"hello, {stream}", stream=stream)
    model.changes = {}
    ask(envoy, path, "another")
    hit(envoy, path, text="another")
    for stream in (False, True):
        assert source(ask(envoy, path, f"hello, {stream}", stream=stream)) == "miss"


@BOTH
def test_a_stream_without_its_end_is_not_kept(envoy: RealEnvoy, brain: Brain, model: Speaks, path: str) -> None:
    offered(envoy, brain, model, cached())
    model.break_off = True
    ask(envoy, path, stream=True)
    model.break_off = False
    hit(envoy, path, text="another")
    assert source(ask(envoy, path, stream=True)) == "miss"


@BOTH
def test_an_engine_s_error_is_its_own(envoy: RealEnvoy, brain: Brain, model: Speaks, path: str) -> None:
    offered(envoy, brain, model, cached())
    model.status = 400
    for _ in range(2):
        answer = ask(envoy, path)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "no")
    model.status = 200
    assert source(ask(envoy, path)) == "miss"
    assert hit(envoy, path)


@BOTH
def test_a_brain_that_is_away_costs_hits_alone(envoy: RealEnvoy, brain: Brain, model: Speaks, path: str) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy, path)
    hit(envoy, path)
    brain.die()
    asked = model.asked
    assert whole(path, ask(envoy, path, stream=True)).startswith("answer")
    assert model.asked == asked + 1


@BOTH
def test_who_is_refused_is_told_in_the_words_of_the_api(
    envoy: RealEnvoy, brain: Brain, model: Speaks, path: str
) -> None:
    offered(envoy, brain, model, cached())
    answer = ask(envoy, path, model="nobody")
    assert answer.status_code == 404
    assert ("request_id" in answer.json()) == (path == MESSAGES)
    model.stop()
    answer = ask(envoy, path)
    assert answer.status_code == 503
    assert answer.json().get("type") == ("error" if path == MESSAGES else None)
    assert answer.json()["error"]["message"]


def test_what_is_not_kept(envoy: RealEnvoy, brain: Brain, model: Speaks) -> None:
    offered(envoy, brain, model, cached())
    each: list[tuple[str, dict[str, Any]]] = [
        (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]}]}),
        (MESSAGES, {"temperature": 1.5}),
        (RESPONSES, {"previous_response_id": "resp_1"}),
        (RESPONSES, {"background": True}),
        (
            RESPONSES,
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]}]},
        ),
        (MESSAGES, {"system": json.loads("[" * 400 + "]" * 400)}),
        (RESPONSES, {"top_logprobs": 2}),
    ]
    for path, more in each * 2:
        assert source(ask(envoy, path, **more)) == "", more
    assert model.asked == 2 * len(each)


def test_headers_of_anthropic_s_api_count(envoy: RealEnvoy, brain: Brain, model: Speaks) -> None:
    """All of them, where a client writes one twice."""
    offered(envoy, brain, model, cached())
    beta = ("anthropic-beta", "one")
    ask(envoy, MESSAGES, headers=[beta])
    for _ in range(3):  # from the second on Envoy gives it by itself
        assert hit(envoy, MESSAGES, headers=[beta])
    for other in (
        [],
        [beta, ("anthropic-beta", "two")],
        [("anthropic-beta", "two"), beta],
        [("anthropic-version", "1")],
    ):
        assert source(ask(envoy, MESSAGES, headers=other)) == "miss", other


def test_a_header_of_openai_s_api_counts(envoy: RealEnvoy, brain: Brain, model: Speaks) -> None:
    offered(envoy, brain, model, cached())
    beta = {"openai-beta": "responses_multi_agent=v1"}
    ask(envoy, RESPONSES, headers=beta)
    for _ in range(3):  # from the second on Envoy gives it by itself
        assert hit(envoy, RESPONSES, headers=beta)
    for other in ({}, {"openai-beta": "another"}):
        assert source(ask(envoy, RESPONSES, headers=other)) == "miss", other


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_envoy_gives_it_by_itself(envoy: RealEnvoy, brain: Brain, model: Speaks, path: str, stream: bool) -> None:
    offered(envoy, brain, model, cached())
    first = whole(path, ask(envoy, path))
    hit(envoy, path, stream=stream)
    found: list[httpx.Response] = []

    def by_itself() -> bool:
        found.append(hit(envoy, path, stream=stream))
        return found[-1].headers["x-tidegate-attempts"] == "0"

    until(by_itself)
    assert whole(path, found[-1]) == first


def test_an_answer_repeats_its_own_request(envoy: RealEnvoy, brain: Brain, model: Speaks) -> None:
    """Clients that share answers do not see what the first one wrote beside the question."""
    offered(envoy, brain, model, cached(KEPT.model_copy(update={"sharing": "Policy"})))
    first = ask(envoy, RESPONSES, metadata={"order": "4711"}, user="ann")
    assert first.json()["metadata"] == {"order": "4711"}
    for stream in (False, True):
        again = hit(envoy, RESPONSES, metadata={"order": "1"}, stream=stream)
        assert "4711" not in again.text
        assert json.dumps({"order": "1"}).replace(" ", "") in again.text.replace(" ", "")
        assert '"id":"resp_1"' in again.text.replace(" ", "")
