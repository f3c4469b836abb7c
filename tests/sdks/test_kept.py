"""Both libraries against a router with a cache: an answer that is given again is read as the first one was, streamed or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from openai import OpenAI

from tests.envoy.waiting import until
from tests.sdks.conftest import KEY, Router

anthropic = pytest.importorskip("anthropic")
pytestmark = pytest.mark.envoy
TOOL: Final = {"type": "object", "properties": {"city": {"type": "string"}}}
Ask = Callable[[], Any]


def given_again(ask: Ask) -> Any:
    """What `ask` gets with its headers, once it is from the cache."""
    found: list[Any] = []

    def there() -> bool:
        found.append(ask())
        return str(found[-1].headers.get("x-tidegate-cache", "")).startswith("hit")

    until(there)
    return found[-1].parse()


def test_messages(router: Router) -> None:
    asked: dict[str, Any] = {
        "model": "kept-chat", "max_tokens": 200, "messages": [{"role": "user", "content": "What is kept of a message?"}], "system": "Be brief.",
    }  # fmt: skip
    with anthropic.Anthropic(base_url=router.url, api_key=KEY, max_retries=0) as client:
        with client.messages.stream(**asked) as stream:
            first = stream.get_final_message()
        assert first.stop_reason == "end_turn"
        plain = given_again(lambda: client.messages.with_raw_response.create(**asked))
        with client.messages.stream(**asked) as stream:
            pieces = list(stream.text_stream)
            again = stream.get_final_message()
            assert stream.response.headers["x-tidegate-cache"] == "hit-memory"
    assert plain.id == again.id == first.id
    assert plain.content[0].text == again.content[0].text == "".join(pieces) == first.content[0].text
    assert len(pieces) > 1
    for usage in (plain.usage, again.usage):
        assert (usage.input_tokens, usage.cache_read_input_tokens) == (0, first.usage.input_tokens)
        assert usage.output_tokens == first.usage.output_tokens


def test_messages_of_the_beta_client(router: Router) -> None:
    """It writes the betas into a header, and its earlier versions `?beta=true` besides."""
    asked: dict[str, Any] = {
        "model": "kept-chat", "max_tokens": 200, "messages": [{"role": "user", "content": "What is kept of a beta?"}],
        "betas": ["context-management-2025-06-27"], "extra_query": {"beta": "true"},
    }  # fmt: skip
    with anthropic.Anthropic(base_url=router.url, api_key=KEY, max_retries=0) as client:
        first = client.beta.messages.create(**asked)
        again = given_again(lambda: client.beta.messages.with_raw_response.create(**asked))
        assert (again.id, again.content) == (first.id, first.content)
        with client.beta.messages.stream(**asked) as stream:
            assert stream.get_final_message().content[0].text == again.content[0].text
            assert stream.response.headers["x-tidegate-cache"] == "hit-memory"
        for less in ("extra_query", "betas"):
            del asked[less]
            other = client.beta.messages.with_raw_response.create(**asked)
            assert other.headers["x-tidegate-cache"] == "miss"


def test_a_call_of_a_tool_in_messages(router: Router) -> None:
    asked: dict[str, Any] = {
        "model": "kept-calls", "max_tokens": 4, "messages": [{"role": "user", "content": "Hello."}],
        "tools": [{"name": "weather", "input_schema": TOOL}],
    }  # fmt: skip
    with anthropic.Anthropic(base_url=router.url, api_key=KEY, max_retries=0) as client:
        given_again(lambda: client.messages.with_raw_response.create(**asked))
        with client.messages.stream(**asked) as stream:
            [block] = stream.get_final_message().content
            assert stream.response.headers["x-tidegate-cache"] == "hit-memory"
    assert (block.type, block.name, block.input) == ("tool_use", "weather", {"city": "Oslo"})


def test_responses(router: Router) -> None:
    asked: dict[str, Any] = {"model": "kept-chat", "input": "What is kept of a response?", "max_output_tokens": 200}
    with OpenAI(base_url=f"{router.url}/v1", api_key=KEY, max_retries=0) as client:
        with client.responses.stream(**asked, metadata={"order": "1"}) as stream:
            first = stream.get_final_response()
        assert first.status == "completed"
        plain = given_again(lambda: client.responses.with_raw_response.create(**asked, metadata={"order": "2"}))
        with client.responses.stream(**asked, metadata={"order": "3"}) as stream:
            events = list(stream)
            again = stream.get_final_response()
    assert plain.id == again.id == first.id
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert plain.output_text == again.output_text == "".join(pieces) == first.output_text
    assert len(pieces) > 1
    assert (first.metadata, plain.metadata, again.metadata) == ({"order": "1"}, {"order": "2"}, {"order": "3"})
    for usage in (plain.usage, again.usage):
        assert first.usage
        assert usage
        assert (usage.input_tokens, usage.input_tokens_details.cached_tokens) == (first.usage.input_tokens,) * 2


def test_a_call_of_a_tool_in_responses(router: Router) -> None:
    asked: dict[str, Any] = {
        "model": "kept-calls", "input": "Hello.", "tools": [{"type": "function", "name": "weather", "parameters": TOOL, "strict": False}],
    }  # fmt: skip
    with OpenAI(base_url=f"{router.url}/v1", api_key=KEY, max_retries=0) as client:
        given_again(lambda: client.responses.with_raw_response.create(**asked))
        with client.responses.stream(**asked) as stream:
            events = list(stream)
            [call] = stream.get_final_response().output
    assert call.type == "function_call"
    assert (call.type, call.name, call.arguments) == ("function_call", "weather", '{"city":"Oslo"}')
    assert "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta") == call.arguments
