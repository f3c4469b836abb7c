"""Of Messages and Responses: every member that may change the answer changes the key, and each row of what is never kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.brain.cache.test_desk import cached
from tests.brain.cache.test_key import JSON, SCOPE
from tidegate.brain.cache.asked import Asked, Bypassed, read
from tidegate.brain.cache.bypass import why_not
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.key import Question, ignored
from tidegate.brain.cache.lines import lines
from tidegate.brain.decide.step import Ask

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
BODIES: dict[Kind, dict[str, Any]] = {
    "messages": {"model": "chat", "messages": HELLO, "max_tokens": 9},
    "responses": {"model": "chat", "input": "hello"},
}
BOTH: dict[str, Any] = {
    "temperature": 0.5, "top_p": 0.9, "top_k": 5, "tools": [{"name": "f"}], "tool_choice": {"type": "auto"}, "cache_salt": "x",
    "chat_template_kwargs": {"x": 1}, "vllm_xargs": {"x": "y"}, "watermarking": True, "whatever_comes_next": 1, "context_management": {},
}  # fmt: skip
CHANGES: dict[Kind, dict[str, Any]] = {
    "messages": {
        **BOTH, "messages": [{"role": "user", "content": "hello!"}], "max_tokens": 5, "system": "be kind", "stop_sequences": ["x"],
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "low"}, "speed": "fast", "inference_geo": "eu",
    },
    "responses": {
        **BOTH, "input": "hello!", "instructions": "be kind", "max_output_tokens": 5, "max_tool_calls": 1, "parallel_tool_calls": False,
        "reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"], "include_reasoning": False, "text": {"verbosity": "low"},
        "truncation": "auto", "store": False, "request_id": "x", "session_id": "x", "logit_bias": {"1": 1}, "min_p": 0.1, "seed": 1,
        "stop": ["x"], "stop_token_ids": [2], "ignore_eos": True, "presence_penalty": 0.5, "frequency_penalty": 0.5,
        "repetition_penalty": 1.1, "skip_special_tokens": False, "include_stop_str_in_output": True, "structured_outputs": {"regex": "x"},
        "mm_processor_kwargs": {"x": 1}, "enable_response_messages": True, "previous_input_messages": [{"role": "user"}],
        "moderation": {"model": "x"},
    },
}  # fmt: skip


def key(kind: Kind, body: dict[str, Any]) -> bytes:
    return Question(SCOPE, kind, body).key("a.r1")


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in CHANGES.items() for field in fields])
def test_a_member_that_may_change_the_answer_changes_the_key(kind: Kind, field: str) -> None:
    assert key(kind, BODIES[kind] | {field: CHANGES[kind][field]}) != key(kind, BODIES[kind])


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in BODIES for field in sorted(ignored(kind))])
def test_a_member_that_leaves_the_answer_alone_leaves_the_key(kind: Kind, field: str) -> None:
    assert key(kind, BODIES[kind] | {field: "another"}) == key(kind, BODIES[kind])


def test_what_is_left_out_is_known_one_by_one() -> None:
    assert ignored("messages") == {"model", "stream", "metadata", "service_tier", "cache_control"}
    assert ignored("responses") == {
        "model", "stream", "stream_options", "metadata", "user", "safety_identifier", "service_tier", "priority", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options",
    }  # fmt: skip


def test_one_body_has_another_key_in_each_api() -> None:
    kinds: tuple[Kind, ...] = ("chat", "completion", "embedding", "messages", "responses")
    assert len({key(kind, BODIES["messages"]) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    "content",
    [
        "Hello",
        [{"type": "text", "text": "hello"}],
        [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}],
        [{"type": "image", "source": {"type": "url", "url": "x"}}],
    ],
)
def test_a_history_counts_whole(content: Any) -> None:
    for kind, name in (("messages", "messages"), ("responses", "input")):
        one, other = ({**BODIES[kind], name: [{"role": "user", "content": each}]} for each in ("hello", content))  # type: ignore[index]
        assert key(kind, one) != key(kind, other)  # type: ignore[arg-type]


RESULT = [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]
CALL = [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]


def turn(content: Any) -> list[Any]:
    return [*HELLO, {"role": "assistant", "content": content}]


def shows(block: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [block, {"type": "text", "text": "What is it?"}]}]}


def puts(part: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, ""),
        ({"temperature": 1}, ""),
        ({"temperature": 1.01}, "temperature"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, ""),
        ({"tools": [{"name": "f", "input_schema": {}}, {"type": "custom", "name": "g", "input_schema": {}}]}, ""),
        ({"messages": turn(CALL)}, ""),
        ({"messages": turn([{"type": "thinking", "thinking": "so", "signature": "x"}])}, ""),
        ({"messages": [{"role": "user", "content": RESULT}]}, "tool-results"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "tool-results"),
        ({"messages": turn([{"type": "web_search_tool_result", "content": []}])}, "tool-results"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "live"),
        ({"tools": [{"type": "computer_20250124", "name": "computer"}]}, "live"),
        ({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}, "live"),
        ({"container": "c"}, "live"),
        ({"mcp_servers": [{"url": "x"}]}, "live"),
        ({"kv_transfer_params": {}}, "live"),
        ({"ec_transfer_params": {}}, "live"),
        ({"n": 2}, "choices"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 1}, "logprobs"),
        ({"stream": "true"}, "body"),
        ({"temperature": "1"}, "body"),
        ({"messages": "hello"}, "body"),
        ({"messages": None}, "body"),
        ({"messages": ["hello"]}, "body"),
        ({"messages": [{"role": "user", "content": {"type": "tool_result"}}]}, "body"),
        ({"messages": [{"role": "user", "content": [{"type": ["tool_result"]}]}]}, "body"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "body"),
        ({"tools": {"0": {"type": "web_search_20250305"}}}, "body"),
        (shows({"type": "image", "source": {"type": "base64", "data": "x"}}), ""),
        (shows({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}), "live"),
        (shows({"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}}), "live"),
        (shows({"type": "document", "source": {"type": "file", "file_id": "file_1"}}), "live"),
        (shows({"type": "document", "source": {"type": "content", "content": [{"source": {"url": "x"}}]}}), "live"),
        (shows({"type": "container_upload", "file_id": "file_1"}), "live"),
        ({"messages": turn([{**CALL[0], "input": {"url": "https://x"}}])}, ""),
        ({"messages": turn([{"type": "text", "text": "x", "citations": [{"url": "https://x"}]}])}, ""),
        ({"tools": ["web_search"]}, "body"),
        ({"tools": [{"type": ["web_search"]}]}, "body"),
    ],
)
def test_each_row_of_messages_that_are_never_kept(more: dict[str, Any], reason: str) -> None:
    assert why_not("messages", BODIES["messages"] | more, 1.0) == reason


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, ""),
        ({"temperature": 1}, ""),
        ({"temperature": 1.01}, "temperature"),
        ({"reasoning": {"effort": "high"}}, ""),
        ({"include": ["reasoning.encrypted_content"]}, ""),
        ({"store": True}, ""),
        ({"store": False}, ""),
        ({"tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]}, ""),
        ({"input": [*HELLO, {"type": "function_call", "name": "f", "arguments": "{}"}]}, ""),
        ({"input": [*HELLO, {"type": "reasoning", "summary": []}]}, ""),
        ({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}]}, ""),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "tool-results"),
        ({"input": [{"role": "tool", "content": "x"}]}, "tool-results"),
        ({"input": [{"type": "custom_tool_call_output", "output": "x"}]}, "tool-results"),
        ({"input": [{"type": "computer_call_output", "output": {}}]}, "tool-results"),
        ({"input": [{"type": "web_search_call", "status": "completed"}]}, "tool-results"),
        ({"input": [{"type": "file_search_call", "results": []}]}, "tool-results"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "live"),
        ({"input": [{"type": "mcp_approval_response"}]}, "live"),
        ({"tools": [{"type": "web_search"}]}, "live"),
        (puts({"type": "input_image", "image_url": "data:image/png;base64,x"}), ""),
        (puts({"type": "input_image", "image_url": "https://x/y.png"}), "live"),
        (puts({"type": "input_image", "file_id": "file_1"}), "live"),
        (puts({"type": "input_image", "file_id": None, "image_url": "data:,"}), ""),
        (puts({"type": "input_file", "file_url": "https://x/y.pdf"}), "live"),
        (puts({"type": "input_file", "file_data": "x"}), ""),
        (puts({"type": "output_text", "text": "x", "annotations": [{"url": "https://x"}]}), ""),
        ({"tools": [{"type": "computer_use_preview"}]}, "live"),
        ({"tools": [{"type": "mcp", "server_url": "x"}]}, "live"),
        ({"tools": [{"type": "file_search"}]}, "live"),
        ({"background": True}, "live"),
        ({"background": "true"}, "live"),
        ({"background": False}, ""),
        ({"previous_response_id": "resp_1"}, "live"),
        ({"conversation": {"id": "conv_1"}}, "live"),
        ({"prompt": {"id": "pmpt_1"}}, "live"),
        ({"kv_transfer_params": {}}, "live"),
        ({"n": 2}, "choices"),
        ({"top_logprobs": 0}, ""),
        ({"top_logprobs": 2}, "logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "logprobs"),
        ({"stream": 1}, "body"),
        ({"temperature": True}, "body"),
        ({"input": None}, "body"),
        ({"input": {"type": "function_call_output"}}, "body"),
        ({"input": ["hello"]}, "body"),
        ({"input": [{"type": ["item_reference"]}]}, "body"),
        ({"input": [{"role": "user", "content": {}}]}, "body"),
        ({"tools": {"type": "web_search"}}, "body"),
        ({"include": "message.output_text.logprobs"}, "body"),
    ],
)
def test_each_row_of_responses_that_are_never_kept(more: dict[str, Any], reason: str) -> None:
    assert why_not("responses", BODIES["responses"] | more, 1.0) == reason


@pytest.mark.parametrize("kind", BODIES)
def test_the_default_temperature_counts(kind: Kind) -> None:
    assert why_not(kind, BODIES[kind], 0.5) == "temperature"
    assert why_not(kind, BODIES[kind] | {"temperature": 0.5}, 0.5) == ""


@given(JSON, JSON, JSON, JSON)
def test_bodies_of_any_shape_are_read(one: Any, two: Any, three: Any, four: Any) -> None:
    """Nobody's body stops the brain."""
    names = ("messages", "input", "content", "tools", "include", "type")
    for kind in BODIES:
        why_not(kind, dict(zip(names, (one, two, three, four, [{"type": one}], two), strict=True)), 1.0)
        content = [{"role": "user", "content": one, "type": two}]
        why_not(kind, {"messages": content, "input": content, "tools": three, "include": four}, 1.0)


def asked(path: str, headers: dict[str, str], body: dict[str, Any]) -> Asked:
    found = {name.encode(): value.encode() for name, value in headers.items()}
    ask = Ask("chat", json.dumps(body).encode(), path=path, cache="to-chat acme", headers=found)
    return read(ask, lines(cached(), {"a"})["to-chat"])


def test_headers_of_anthropic_s_api_count_for_it_alone() -> None:
    said: list[dict[str, str]] = [
        {},
        {"anthropic-version": "2023-06-01"},
        {"anthropic-beta": "2023-06-01"},
        {"anthropic-version": "2023-06-01", "anthropic-beta": "context-1m"},
        {"anthropic-version": "2023-06-01", "anthropic-beta": "context-1m,files"},
    ]
    messages = [asked("/v1/messages", headers, BODIES["messages"]) for headers in said]
    assert len({each.digest for each in messages}) == len(said)
    assert len({each.scope for each in messages}) == len(said), "similar questions are told apart by it, too"
    assert len({asked("/v1/responses", headers, BODIES["responses"]).digest for headers in said}) == 1
    assert asked("/v1/messages", {"x-request-id": "1"}, BODIES["messages"]).digest == messages[0].digest


def test_a_header_of_openai_s_api_counts_for_responses_alone() -> None:
    """It asks for a beta, which answers otherwise."""
    said: list[dict[str, str]] = [{}, {"openai-beta": "responses_multi_agent=v1"}, {"openai-beta": "another"}]
    for path, kind, different in (("/v1/responses", "responses", 3), ("/v1/messages", "messages", 1)):
        found = [asked(path, headers, BODIES[kind]) for headers in said]  # type: ignore[index]
        assert len({each.digest for each in found}) == len({each.scope for each in found}) == different


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/v1/messages", {"messages": HELLO}, "hello"),
        ("/v1/messages", {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}, "hello"),
        ("/v1/messages", {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, ""),
        ("/v1/messages", {"messages": []}, ""),
        ("/v1/responses", {"input": "hello"}, "hello"),
        ("/v1/responses", {"input": HELLO}, "hello"),
        ("/v1/responses", {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}]}, "hello"),
        ("/v1/responses", {"input": [{"type": "function_call", "name": "f"}, *HELLO]}, ""),
        ("/v1/completions", {"prompt": "hello"}, "hello"),
        ("/v1/completions", {"prompt": [1, 2]}, ""),
        ("/v1/embeddings", {"input": "hello"}, ""),
    ],
)  # fmt: skip
def test_what_is_asked_last(path: str, body: dict[str, Any], text: str) -> None:
    """By which an answer is purged."""
    assert asked(path, {}, body).question == text


def test_the_query_of_anthropic_s_beta_client_counts() -> None:
    said: list[dict[str, str]] = [{}, {"anthropic-beta": "context-1m"}]
    found = [asked(f"/v1/messages{query}", each, BODIES["messages"]) for query in ("", "?beta=true") for each in said]
    assert len({each.digest for each in found}) == len({each.scope for each in found}) == 4


@pytest.mark.parametrize(
    "target",
    ["/v1/messages?", "/v1/messages?beta=false", "/v1/messages?beta=true&x=1", "/v1/messages?x=1&beta=true", "/v1/messages?beta=true?", "/v1/responses?x", "/v1/responses?beta=true"],
)  # fmt: skip
def test_other_queries_are_not_kept(target: str) -> None:
    with pytest.raises(Bypassed, match="path"):
        asked(target, {}, BODIES["messages"])


def test_other_paths_below_are_not_kept() -> None:
    for path in ("/v1/messages/count_tokens", "/v1/messages/count_tokens?beta=true", "/v1/responses/resp_1"):
        with pytest.raises(Bypassed, match="path"):
            asked(path, {}, BODIES["messages"])
