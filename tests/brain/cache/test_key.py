"""Every member that may change the answer changes the key; what tenants, policies and versions keep apart stays apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.cache.bypass import why_not
from tidegate.brain.cache.key import IGNORED, Question, Scope, identity, read
from tidegate.contract.destinations import Destination, External

SCOPE = Scope("ns/chat", "acme", "chat", "1")
BODY: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}
CHANGES: dict[str, Any] = {
    "messages": [{"role": "user", "content": "hello!"}],
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "min_p": 0.1,
    "seed": 1,
    "max_tokens": 5,
    "max_completion_tokens": 5,
    "min_tokens": 1,
    "stop": ["x"],
    "stop_token_ids": [2],
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "repetition_penalty": 1.1,
    "length_penalty": 0.5,
    "logit_bias": {"1": 1},
    "ignore_eos": True,
    "bad_words": ["x"],
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "functions": [{"name": "f"}],
    "function_call": "none",
    "response_format": {"type": "json_object"},
    "guided_json": {"type": "object"},
    "guided_regex": "x",
    "guided_choice": ["x"],
    "guided_grammar": "x",
    "structured_outputs": {"regex": "x"},
    "reasoning_effort": "low",
    "verbosity": "low",
    "include_reasoning": False,
    "modalities": ["text"],
    "prediction": {"type": "content", "content": "x"},
    "add_generation_prompt": False,
    "continue_final_message": True,
    "add_special_tokens": True,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "include_stop_str_in_output": True,
    "documents": [{"text": "x"}],
    "chat_template": "x",
    "chat_template_kwargs": {"x": 1},
    "mm_processor_kwargs": {"x": 1},
    "truncate_prompt_tokens": 5,
    "cache_salt": "x",
    "vllm_xargs": {"x": "y"},
    "logits_processors": ["x"],
    "whatever_comes_next": 1,
}


def key(body: dict[str, Any], scope: Scope = SCOPE, who: str = "a.r1") -> bytes:
    return Question(scope, "chat", body).key(who)


@pytest.mark.parametrize("field", CHANGES)
def test_a_member_that_may_change_the_answer_changes_the_key(field: str) -> None:
    assert key(BODY | {field: CHANGES[field]}) != key(BODY)


@pytest.mark.parametrize("field", sorted(IGNORED))
def test_a_member_that_leaves_the_answer_alone_leaves_the_key(field: str) -> None:
    assert key(BODY | {field: "another"}) == key(BODY)


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "hello"}],
        [{"role": "user", "content": "hello", "name": "x"}],
        [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}],
        [{"role": "user", "content": "hello"}, {"role": "user", "content": "hello"}],
        [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        [{"role": "user", "content": "Hello"}],
        [{"role": "user", "content": "hello "}],
    ],
)
def test_a_history_counts_whole(messages: list[Any]) -> None:
    assert key(BODY | {"messages": messages}) != key(BODY)


def test_the_order_of_members_does_not_count() -> None:
    assert key(dict(reversed((BODY | {"seed": 1}).items()))) == key({"seed": 1, **BODY})


@pytest.mark.parametrize("field", ["response_format", "tools", "guided_json", "chat_template_kwargs"])
def test_the_order_below_does(field: str) -> None:
    """Engines write a schema's properties in its order, and templates show tools as they are."""
    one, other = ({"properties": {name: {"type": "string"} for name in names}} for names in ("ab", "ba"))
    assert key(BODY | {field: one}) != key(BODY | {field: other})


@pytest.mark.parametrize(
    "scope",
    [
        Scope("ns/other", "acme", "chat", "1"),
        Scope("ns/chat", "other", "chat", "1"),
        Scope("ns/chat", "", "chat", "1"),
        Scope("ns/chat", "acme", "other", "1"),
        Scope("ns/chat", "acme", "chat", "2"),
        Scope("ns/chat", "acme", "chat", "1", "2023-06-01"),
    ],
)
def test_what_is_kept_apart(scope: Scope) -> None:
    assert key(BODY, scope) != key(BODY)


def test_who_answers_counts() -> None:
    assert key(BODY, who="a.r2") != key(BODY)
    assert Question(SCOPE, "completion", BODY).key("a.r1") != key(BODY)


def test_a_provider_is_what_it_is_asked_for() -> None:
    def provider(**changes: Any) -> Destination:
        external = External(host="api.example.com", port=443, model="m", path="/v1").model_copy(update=changes)
        return Destination(name="hosted", backend="hosted", external=external)

    assert identity(provider()) == identity(provider())
    for changes in ({"host": "b"}, {"port": 444}, {"model": "n"}, {"path": "/v2"}):
        assert identity(provider(**changes)) != identity(provider())


NAMES = st.text(alphabet="abc:0123456789", max_size=4)


@given(st.tuples(NAMES, NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES, NAMES))
def test_no_two_scopes_have_one_key(one: tuple[str, str, str, str], other: tuple[str, str, str, str]) -> None:
    assert (key(BODY, Scope(*one)) == key(BODY, Scope(*other))) == (one == other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(st.text(), JSON, max_size=4))
def test_equal_bodies_and_no_others_have_one_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    def meant(body: dict[str, Any]) -> str:
        return json.dumps({k: body[k] for k in sorted(body) if k not in IGNORED})

    assert (key(one) == key(other)) == (meant(one) == meant(other))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, ""),
        ({"temperature": 0}, ""),
        ({"temperature": 1}, ""),
        ({"temperature": None}, ""),
        ({"temperature": 1.01}, "temperature"),
        ({"n": 1}, ""),
        ({"n": 2}, "choices"),
        ({"best_of": 2}, "choices"),
        ({"use_beam_search": True}, "choices"),
        ({"logprobs": False}, ""),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "logprobs"),
        ({"prompt_logprobs": 1}, "logprobs"),
        ({"return_token_ids": True}, "logprobs"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "tool-results"),
        ({"messages": [{"role": "function", "content": "x", "name": "f"}]}, "tool-results"),
        ({"modalities": ["text"]}, ""),
        ({"modalities": ["text", "audio"]}, "live"),
        ({"web_search_options": {}}, "live"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom"}]}, ""),
        ({"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}]}, "live"),
        ({"tools": [{"type": ["function"]}]}, "live"),
        ({"tools": ["x"]}, ""),
        ({"kv_transfer_params": {"do_remote_decode": True}}, "live"),
        ({"ec_transfer_params": {}}, "live"),
        ({"messages": "no list"}, ""),
        ({"logprobs": 0}, "logprobs"),
        ({"prompt_logprobs": 0}, "logprobs"),
        ({"temperature": "1.9"}, "body"),
        ({"temperature": True}, "body"),
        ({"n": "3"}, "body"),
        ({"n": 1.0}, ""),
        ({"n": 10**400}, "choices"),
        ({"best_of": []}, "body"),
        ({"stream": "true"}, "body"),
        ({"stream": 1}, "body"),
        ({"stream": None}, ""),
    ],
)
def test_each_row_of_what_is_never_kept(more: dict[str, Any], reason: str) -> None:
    assert why_not("chat", BODY | more, 1.0) == reason


def test_numbers_that_no_float_holds() -> None:
    assert why_not("chat", BODY | {"temperature": 10**400}, 1.0) == "temperature"
    assert why_not("chat", BODY | {"n": 10**400}, 1.0) == "choices"


def test_the_default_temperature_counts() -> None:
    assert why_not("chat", BODY, 0.5) == "temperature"
    assert why_not("embedding", {"input": "x"}, 0.0) == ""


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'"x"',
        b'{"a": 1} x',
        b'{"a": NaN}',
        b'{"seed": 1, "seed": 2}',
        b'{"messages": [{"content": "one", "content": "two"}]}',
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
    ],
)
def test_no_body(text: bytes) -> None:
    assert read(text) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read(text: bytes) -> None:
    found = read(text)
    assert found is None or why_not("chat", found, 1.0) is not None
