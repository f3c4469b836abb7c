"""Anthropic's Messages: from streams to whole answers and back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.brain.cache.apis.support import events, message, read, recorded, streamed
from tests.brain.cache.support import plain
from tests.brain.cache.test_whole import some_json, why
from tidegate.brain.cache import replay, usage
from tidegate.brain.cache.doubts import text
from tidegate.brain.cache.replay import Manner
from tidegate.brain.cache.whole import NotWhole, whole

CALL = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": [1, {"b": "two words " * 5}]}}
THOUGHT = {"type": "thinking", "thinking": "is it so? " * 9, "signature": "sig"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (message("x", reason="max_tokens"), "cut-off"),
        (message("x", reason="model_context_window_exceeded"), "cut-off"),
        (message("x", reason="refusal"), "filtered"),
        (message("x", reason="pause_turn"), "filtered"),
        (message("x", reason="something_new"), "filtered"),
        (message("x", reason=None), "broken"),
        (message("x", reason=["end_turn"]), "broken"),
        ({"type": "error", "error": {"type": "api_error", "message": "no"}}, "broken"),
        ({}, "broken"),
        (message("x", type="completion"), "broken"),
        (message("x", usage=None), "broken"),
        (message("x", content="x"), "broken"),
        (message(5), "broken"),
        (message({"type": "text", "text": None}), "broken"),
        (message({"type": "text", "text": "x", "citations": 1}), "broken"),
        (message({"type": "tool_use", "input": "{}"}), "broken"),
        (message({"type": "thinking", "thinking": "x", "signature": 1}), "broken"),
        (message({"type": "server_tool_use", "input": {}}), "broken"),
        (message({"type": "web_search_tool_result", "content": []}), "broken"),
        (message("x", score=float("nan")), "broken"),
    ],
)
def test_each_row_of_what_is_none(answer: Any, reason: str) -> None:
    assert why("messages", json.dumps(answer), streamed=False) == reason


@pytest.mark.parametrize("reason", ["end_turn", "stop_sequence", "tool_use"])
def test_what_is_one(reason: str) -> None:
    answer = message("x", CALL, THOUGHT, {"type": "redacted_thinking", "data": "x"}, reason=reason)
    assert whole("messages", json.dumps(answer), streamed=False) == answer


START = {"type": "message_start", "message": message(reason=None)}
OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
SAID = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}
SHUT = {"type": "content_block_stop", "index": 0}


def added(**delta: Any) -> dict[str, Any]:
    """To a block."""
    return {**SAID, "delta": delta}


SIGNED = added(type="signature_delta", signature="x")
ENDED = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 9},
}
STOP = {"type": "message_stop"}
CUT = ENDED | {"delta": {"stop_reason": "max_tokens"}}
THINKS = {**OPEN, "content_block": {**THOUGHT, "signature": ""}}
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ((), "broken"),
        ((STOP,), "broken"),
        ((START, OPEN, SAID, SHUT, ENDED), "broken"),
        ((START, OPEN, SAID, ENDED, STOP), "broken"),
        ((START, OPEN, SAID, SHUT, STOP), "broken"),
        ((START, OPEN, SAID, SHUT, ERROR, ENDED, STOP), "broken"),
        ((OPEN, SAID, SHUT, ENDED, STOP), "broken"),
        ((START, START, ENDED, STOP), "broken"),
        ((START, SAID, ENDED, STOP), "broken"),
        ((START, OPEN, OPEN, SHUT, ENDED, STOP), "broken"),
        ((START, {**OPEN, "index": 1}, SHUT, ENDED, STOP), "broken"),
        ((START, OPEN, {**SAID, "index": 1}, SHUT, ENDED, STOP), "broken"),
        ((START, OPEN, {**SAID, "delta": {"type": "new_delta", "text": "x"}}, SHUT, ENDED, STOP), "broken"),
        ((START, OPEN, SHUT, {"type": "something_new"}, ENDED, STOP), "broken"),
        (({**START, "message": message("x")}, ENDED, STOP), "broken"),
        ((START, OPEN, added(type="input_json_delta", partial_json="{}"), SHUT, ENDED, STOP), "broken"),
        ((START, OPEN, added(type="signature_delta", signature="x"), SHUT, ENDED, STOP), "broken"),
        ((START, {**OPEN, "content_block": {**CALL, "input": {}}}, SAID, SHUT, ENDED, STOP), "broken"),
        ((START, THINKS, SIGNED, SIGNED, SHUT, ENDED, STOP), "broken"),
        ((START, {**THINKS, "content_block": THOUGHT}, SIGNED, SHUT, ENDED, STOP), "broken"),
        ((START, OPEN, SAID, ENDED, SHUT, STOP), "broken"),
        ((START, ENDED, OPEN, SAID, SHUT, STOP), "broken"),
        ((START, CUT, ENDED, STOP), "broken"),
        ((START, OPEN, SAID, SHUT, ENDED | {"delta": {"stop_reason": "end_turn", "content": []}}, STOP), "broken"),
        ((START, ENDED | {"delta": "x"}, STOP), "broken"),
        ((START, CUT, STOP), "cut-off"),
        ((START, ENDED | {"delta": {"stop_reason": "refusal"}}, STOP), "filtered"),
    ],
)
def test_each_row_of_streams_that_are_none(said: Any, reason: str) -> None:
    assert why("messages", events(*said), streamed=True) == reason


def test_a_stream_is_put_together() -> None:
    ping = {"type": "ping"}
    found = whole(
        "messages", ": hello\n\n" + events(START, ping, OPEN, SAID, ping, SAID, SHUT, ENDED, STOP, ERROR), streamed=True
    )
    assert found == message("xx", usage={"input_tokens": 7, "output_tokens": 9})


def test_what_a_call_hands_over_must_be_json() -> None:
    begun = {**OPEN, "content_block": {**CALL, "input": {}}}
    parts = [added(type="input_json_delta", partial_json=part) for part in ("", '{"a":', " 1}")]
    assert whole("messages", events(START, begun, *parts, SHUT, ENDED, STOP), streamed=True)["content"][0]["input"] == {
        "a": 1
    }
    assert whole("messages", events(START, begun, SHUT, ENDED, STOP), streamed=True)["content"][0]["input"] == {}
    assert why("messages", events(START, begun, *parts[:2], SHUT, ENDED, STOP), streamed=True) == "broken"


def test_what_is_told_beside_the_end_stays() -> None:
    """Of the beta of context management: a part of the answer as JSON, and of the last event but one as a stream."""
    edits = {"applied_edits": [{"type": "clear_tool_uses_20250919"}]}
    told = {**ENDED, "context_management": edits}
    answer = whole("messages", events(START, OPEN, SAID, SHUT, told, STOP), streamed=True)
    assert answer["context_management"] == edits
    begun, *_, ended, _ = read(streamed("messages", answer))
    assert (begun["message"].get("context_management"), ended["context_management"]) == (None, edits)


def test_what_a_real_engine_said() -> None:
    """Both were cut off by their question; with another reason they are whole."""
    plain, stream = recorded("messages.http"), recorded("messages_stream.http")
    assert why("messages", plain, streamed=False) == why("messages", stream, streamed=True) == "cut-off"
    answer = whole("messages", stream.replace('"max_tokens"', '"end_turn"'), streamed=True)
    assert answer["content"] == [{"type": "text", "text": "upd caching\ufffd routing"}]
    assert answer["usage"] == {"input_tokens": 10, "output_tokens": 4}
    said = read(stream)
    again = read(streamed("messages", answer))
    assert again[0] == said[0]
    assert [event["type"] for event in again] == [event["type"] for event in said if event not in said[3:5]]
    ended = json.loads(json.dumps(said[-2]).replace("max_tokens", "end_turn"))
    assert again[-2:] == [ended, said[-1]]


TEXTS = st.text(max_size=120)
JSON = st.dictionaries(
    st.text(max_size=5), st.integers() | st.text(max_size=40) | st.lists(st.none(), max_size=2), max_size=3
)
BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.builds(
        lambda text, each: {"type": "text", "text": text, "citations": each},
        TEXTS,
        st.none() | st.lists(JSON, max_size=2),
    ),
    st.builds(
        lambda text, more: {"type": "thinking", "thinking": text, **more},
        TEXTS,
        st.sampled_from([{}, {"signature": "sig"}]),
    ),
    st.builds(lambda given: {**CALL, "input": given}, JSON),
    st.just({"type": "redacted_thinking", "data": "x"}),
)


@given(st.lists(BLOCKS, max_size=4), st.sampled_from(["end_turn", "tool_use"]))
def test_there_and_back(content: list[Any], reason: str) -> None:
    answer = message(*content, reason=reason, stop_details=None, container=None, more=1)
    assert whole("messages", streamed("messages", answer), streamed=True) == answer


def test_a_stream_looks_as_an_engine_s() -> None:
    found = read(streamed("messages", message(THOUGHT, "some words that are said " * 4, CALL, reason="tool_use")))
    assert found[0]["message"]["content"] == []
    assert (found[0]["message"]["stop_reason"], found[0]["message"]["usage"]) == (
        None,
        {"input_tokens": 7, "output_tokens": 0},
    )
    deltas = [event["delta"]["type"] for event in found if event["type"] == "content_block_delta"]
    assert deltas == ["thinking_delta"] * 4 + ["signature_delta"] + ["text_delta"] * 4 + ["input_json_delta"] * 3
    assert found[-2]["usage"] == {"input_tokens": 7, "output_tokens": 5}


def test_usage_says_that_it_was_kept() -> None:
    """In Anthropic's API `input_tokens` are those that were read from no cache."""
    told = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 1,
        "cache_read_input_tokens": 3,
        "output_tokens": 5,
        "cache_creation": {"x": 1},
    }
    answer = message("x", usage=told)
    assert usage.tokens("messages", answer) == (7, 5)
    for stream in (False, True):
        _, body = replay.body(
            plain(kind="messages", answer=replay.kept("messages", answer)), Manner(stream=stream, usage=False)
        )
        found = whole("messages", body.decode(), streamed=stream)["usage"]
        assert found == {
            "input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 7, "output_tokens": 5, "cache_creation": None,
        }  # fmt: skip


def test_usage_that_says_nothing() -> None:
    odd = message("x", usage={"input_tokens": None, "output_tokens": "x"})
    assert usage.tokens("messages", odd) == (0, 0)
    assert usage.cached("messages", odd) == odd


@pytest.mark.parametrize("number", [True, -1, 1.5, "7", 1 << 53, 10**400])
def test_numbers_that_are_none_of_tokens_count_nothing(number: Any) -> None:
    """A price times the longest of them is more than a float holds."""
    assert usage.tokens("messages", message("x", usage={"input_tokens": number, "output_tokens": number})) == (0, 0)


def test_what_judges_read() -> None:
    kept = plain(kind="messages", answer=json.dumps(message(THOUGHT, "Paris.", CALL)).encode())
    assert text(kept).startswith('Paris.\n["f",{"a":')


@settings(max_examples=300)
@given(
    st.lists(some_json(), min_size=1, max_size=3),
    some_json(),
    st.sampled_from(["text", "thinking", "tool_use"]),
    st.booleans(),
)
def test_of_whatever_shape_it_is_given_both_ways_or_not_kept(
    parts: list[Any], more: Any, block: str, streams: bool
) -> None:
    content = [
        {"type": block, "text": part, "thinking": part, "input": part, "signature": more, "citations": more}
        for part in parts
    ]
    if streams:
        begun = [{**OPEN, "index": index, "content_block": each} for index, each in enumerate(content)]
        said = [one for each in begun for one in (each, {**SHUT, "index": each["index"]})]
        text = events({**START, "message": message(reason=None, usage=more)}, *said, ENDED, STOP)
    else:
        text = json.dumps(message(*content, usage={"input_tokens": more}))
    with suppress(NotWhole):
        kept = plain(kind="messages", answer=replay.kept("messages", whole("messages", text, streamed=streams)))
        for stream in (False, True):
            replay.body(kept, Manner(stream=stream, usage=True))
