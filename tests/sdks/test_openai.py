"""OpenAI's Python library against a router: what its users get, and which of its errors they catch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from tests.envoy.waiting import until
from tests.sdks.conftest import HASTY, KEY, PATIENCE, POOR, WINDOW, Router

pytestmark = pytest.mark.envoy
Client = Callable[..., OpenAI]
HELLO: Final[list[ChatCompletionUserMessageParam]] = [{"role": "user", "content": "Hello."}]
TOOLS: Final[list[Any]] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
]  # fmt: skip


@pytest.fixture
def client(router: Router) -> Iterator[Client]:
    """Makes clients; they are closed with the test."""
    made: list[OpenAI] = []

    def make(key: str = KEY, retries: int = 0, **more: Any) -> OpenAI:
        made.append(OpenAI(base_url=f"{router.url}/v1", api_key=key, max_retries=retries, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_chat(client: Client) -> None:
    said = client().chat.completions.create(model="chat", messages=HELLO, max_tokens=4)
    assert said.choices[0].message.content
    assert said.choices[0].finish_reason == "length"
    assert said.usage
    assert said.usage.completion_tokens == 4


def test_chat_streamed(client: Client) -> None:
    chunks = list(
        client().chat.completions.create(
            model="chat", messages=HELLO, max_tokens=4, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 4


def test_a_stream_shows_no_usage_that_was_not_asked_for(client: Client) -> None:
    """The router asks the engine for it."""
    chunks = list(client().chat.completions.create(model="chat", messages=HELLO, max_tokens=2, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_completions(client: Client) -> None:
    said = client().completions.create(model="chat", prompt="Once", max_tokens=3)
    assert said.choices[0].text
    chunks = list(client().completions.create(model="chat", prompt="Once", max_tokens=3, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == said.choices[0].text


def test_responses(client: Client) -> None:
    said = client().responses.create(model="chat", input="Hello.", max_output_tokens=3)
    assert said.output_text
    kinds = [e.type for e in client().responses.create(model="chat", input="Hello.", max_output_tokens=3, stream=True)]
    assert kinds[0] == "response.created"
    assert kinds[-1] in ("response.completed", "response.incomplete")


def test_a_stored_response_is_not_here(client: Client) -> None:
    with pytest.raises(openai.NotFoundError, match="send the conversation in input"):
        client().responses.retrieve("resp_1")


def test_embeddings(client: Client) -> None:
    said = client().embeddings.create(model="embed", input=["one", "two"])
    assert len(said.data) == 2
    assert len(said.data[0].embedding) == len(said.data[1].embedding) > 1


def test_models(client: Client) -> None:
    assert {"chat", "embed", "moved"} <= {model.id for model in client().models.list()}
    assert client().models.retrieve("chat").id == "chat"
    with pytest.raises(openai.NotFoundError):
        client().models.retrieve("other")


def test_tools(client: Client) -> None:
    said = client().chat.completions.create(model="calls", messages=HELLO, tools=TOOLS)
    assert said.choices[0].finish_reason == "tool_calls"
    [call] = said.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Oslo"}')


def test_tools_streamed(client: Client) -> None:
    with client().chat.completions.stream(model="calls", messages=HELLO, tools=TOOLS) as stream:
        said = stream.get_final_completion()
    [call] = said.choices[0].message.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Oslo"}')


ASKS: Final[dict[str, Callable[[OpenAI], object]]] = {
    "chat": lambda wrong: wrong.chat.completions.create(model="chat", messages=HELLO),
    "models": lambda wrong: wrong.models.list(),
}


@pytest.mark.parametrize("path", ASKS)
def test_a_wrong_key(client: Client, path: str) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        ASKS[path](client("sk-nobody"))
    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    assert caught.value.type == "invalid_request_error"
    assert "sk-nobody" not in str(caught.value)


def test_an_unknown_model(client: Client) -> None:
    with pytest.raises(openai.NotFoundError, match="The model does not exist") as caught:
        client().chat.completions.create(model="other", messages=HELLO)
    assert (caught.value.status_code, caught.value.param) == (404, "model")
    assert caught.value.request_id


def test_a_request_that_the_engine_refuses(client: Client) -> None:
    with pytest.raises(openai.BadRequestError, match="max_model_len"):
        client().chat.completions.create(model="chat", messages=HELLO, max_tokens=10**6)


def test_a_limit_of_requests(client: Client) -> None:
    hasty = client(HASTY)
    hasty.with_options(max_retries=3).chat.completions.create(model="chat", messages=HELLO, max_tokens=1)
    with pytest.raises(openai.RateLimitError, match="Limit rate is reached") as caught:
        hasty.chat.completions.create(model="chat", messages=HELLO, max_tokens=1)
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "requests")
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= WINDOW + 1
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_the_library_comes_again_when_it_was_told_to(client: Client) -> None:
    """Without `retry-after` it would ask its two times within two seconds at most, and sooner than there is room."""
    hasty, begin = client(HASTY, retries=2), time.monotonic()
    for _ in range(2):
        assert hasty.chat.completions.create(model="chat", messages=HELLO, max_tokens=1).choices
    assert time.monotonic() - begin >= 1


def test_a_request_larger_than_a_limit_is_not_tried_again(client: Client) -> None:
    begin = time.monotonic()
    with pytest.raises(openai.RateLimitError, match="ask for a smaller max_tokens"):
        client(POOR, retries=5).chat.completions.create(model="chat", messages=HELLO, max_tokens=100)
    assert time.monotonic() - begin < 10, "it would wait for more than ten seconds between its five"


def test_the_next_backend_answers(client: Client) -> None:
    raw = client().chat.completions.with_raw_response.create(model="moved", messages=HELLO, max_tokens=2)
    assert raw.headers["x-tidegate-backend"] == "chat"
    assert raw.parse().choices[0].message.content


def test_an_engine_s_500(client: Client, router: Router) -> None:
    """The engine's own words; and the library tries again by itself."""
    before = router.engines["fails"].asked
    with pytest.raises(openai.InternalServerError, match="CUDA error") as caught:
        client(retries=1).chat.completions.create(model="fails", messages=HELLO)
    assert caught.value.status_code == 500
    assert router.engines["fails"].asked == before + 2


def test_the_policy_s_patience_is_over(client: Client) -> None:
    with pytest.raises(openai.InternalServerError, match="longer than the policy") as caught:
        client().chat.completions.create(model="hangs", messages=HELLO)
    assert (caught.value.status_code, caught.value.type) == (504, "Timeout")


def test_the_client_s_own_patience_is_over(client: Client) -> None:
    begin = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        client(timeout=0.3).chat.completions.create(model="hangs", messages=HELLO)
    assert time.monotonic() - begin < PATIENCE


def test_a_stream_that_breaks_off(client: Client) -> None:
    stream = client().chat.completions.create(model="breaks-off", messages=HELLO, stream=True)
    assert next(stream).choices[0].delta.content == "word "
    with pytest.raises(openai.APIError, match="broke off") as caught:
        list(stream)
    assert caught.value.code == "503"


def test_a_client_that_leaves(client: Client, router: Router) -> None:
    """The engine is told at once, and computes no more."""
    left = router.engines["goes-on"].left
    left.clear()
    with client().chat.completions.create(model="goes-on", messages=HELLO, stream=True) as stream:
        assert next(stream).choices[0].delta.content == "word "
    until(left.is_set, PATIENCE / 2)
