"""OpenAI's Responses: from streams to whole answers and back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.brain.cache.apis.support import events, read, recorded, response, said, streamed
from tests.brain.cache.support import plain
from tests.brain.cache.test_whole import some_json, why
from tidegate.brain.cache import replay, usage
from tidegate.brain.cache.doubts import text
from tidegate.brain.cache.replay import Manner, manner
from tidegate.brain.cache.whole import NotWhole, whole

CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "1",
    "name": "f",
    "arguments": '{"a": "two words"}',
    "status": "completed",
}
CUSTOM = {"id": "ct_1", "type": "custom_tool_call", "call_id": "2", "name": "g", "input": "some words"}
THOUGHT: dict[str, Any] = {
    "id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "it is"}], "encrypted_content": "x",
    "content": [{"type": "reasoning_text", "text": "is it so?"}],
}  # fmt: skip
REFUSAL = {
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "refusal", "refusal": "no"}],
}


def incomplete(reason: Any) -> dict[str, Any]:
    return response("x", status="incomplete", incomplete_details=reason)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (incomplete({"reason": "max_output_tokens"}), "cut-off"),
        (incomplete({"reason": "content_filter"}), "filtered"),
        (incomplete({"reason": "something_new"}), "filtered"),
        (incomplete(None), "filtered"),
        (incomplete("max_output_tokens"), "broken"),
        (incomplete({"reason": ["max_output_tokens"]}), "broken"),
        (response("x", incomplete_details={"reason": "max_output_tokens"}), "cut-off"),
        (response(REFUSAL), "filtered"),
        (response("x", status="failed"), "broken"),
        (response("x", status="in_progress"), "broken"),
        (response("x", status="queued"), "broken"),
        (response("x", status=None), "broken"),
        (response("x", error={"code": "server_error"}), "broken"),
        (response(), "broken"),
        ({}, "broken"),
        ({"error": {"message": "no"}}, "broken"),
        (response(5), "broken"),
        (response({**said("x"), "status": "incomplete"}), "broken"),
        (response({**said("x"), "content": "x"}), "broken"),
        (response({**said("x"), "content": [{"type": "output_text"}]}), "broken"),
        (response({**said("x"), "content": [{"type": "output_audio", "text": "x"}]}), "broken"),
        (response({**CALL, "arguments": {}}), "broken"),
        (response({"type": "web_search_call", "status": "completed"}), "broken"),
        (response({"type": "reasoning", "summary": "x"}), "broken"),
        (response("x", score=float("inf")), "broken"),
    ],
)
def test_each_row_of_what_is_none(answer: Any, reason: str) -> None:
    assert why("responses", json.dumps(answer), streamed=False) == reason


def test_what_is_one() -> None:
    answer = response(THOUGHT, "x", CALL, CUSTOM)
    assert whole("responses", json.dumps(answer), streamed=False) == answer


def ends(answer: Any, kind: str = "completed") -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": answer}


CREATED = {"type": "response.created", "response": response(status="in_progress")}
ITEM = {"type": "response.output_item.done", "output_index": 0, "item": said("x")}
BEGUN = {"type": "response.output_item.added", "output_index": 1, "item": said("")}
ERROR = {"type": "error", "code": "server_error", "message": "no", "param": None}


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        ((), "broken"),
        ((CREATED, ITEM), "broken"),
        ((CREATED, ITEM, ERROR, ends(response("x"))), "broken"),
        ((CREATED, ends(response())), "broken"),
        ((CREATED, ends(response(status="failed", error={"code": "x"}), "failed")), "broken"),
        ((CREATED, ends(incomplete({"reason": "max_output_tokens"}), "incomplete")), "cut-off"),
        ((CREATED, ends(incomplete({"reason": "max_output_tokens"}))), "cut-off"),
        ((CREATED, ends(incomplete({"reason": "content_filter"}), "incomplete")), "filtered"),
        ((CREATED, ends("x")), "broken"),
        ((CREATED, ends(response("x"), "failed")), "broken"),
        ((CREATED, ends(response("x"), "incomplete")), "broken"),
        ((CREATED, ITEM, ITEM, ends(response())), "broken"),
        ((CREATED, ITEM, {**ITEM, "output_index": 2}, ends(response())), "broken"),
        ((CREATED, {**ITEM, "output_index": 1}, ends(response())), "broken"),
        ((CREATED, {**ITEM, "output_index": "0"}, ends(response())), "broken"),
        ((CREATED, ITEM, BEGUN, ends(response())), "broken"),
        ((CREATED, ITEM, {**ITEM, "output_index": 1}, ends(response("x"))), "broken"),
        ((CREATED, ITEM, ends(response("x", "y"))), "broken"),
    ],
)
def test_each_row_of_streams_that_are_none(stream: Any, reason: str) -> None:
    assert why("responses", events(*stream), streamed=True) == reason


@pytest.mark.parametrize("output", [[], None])
def test_an_end_that_does_not_repeat_what_was_said(output: Any) -> None:
    other = {**ITEM, "output_index": 1, "item": CALL}
    found = whole("responses", events(CREATED, other, ITEM, ends({**response(), "output": output})), streamed=True)
    assert found == response("x", CALL)


def test_what_a_real_engine_said() -> None:
    """Both were cut off by their question; otherwise they are whole."""
    plain, stream = recorded("responses.http"), recorded("responses_stream.http")
    assert why("responses", plain, streamed=False) == why("responses", stream, streamed=True) == "cut-off"

    def ended(text: str) -> str:
        return text.replace('"incomplete_details":{"reason":"max_output_tokens"}', '"incomplete_details":null').replace(
            'incomplete"', 'completed"'
        )

    assert whole("responses", ended(plain), streamed=False)["output"][0]["content"][0]["text"] == " async ->ter"
    answer = whole("responses", ended(stream), streamed=True)
    told, again = read(ended(stream)), read(streamed("responses", answer))
    assert len(told) == len(again) + 1, "two pieces are one"
    for one, other in zip([*told[:4], *told[6:]], [*again[:4], *again[5:]], strict=True):
        assert one | {"sequence_number": 0} == other | {"sequence_number": 0}


TEXTS = st.text(max_size=120)
ITEMS = st.one_of(
    st.builds(said, TEXTS),
    st.builds(lambda given: {**CALL, "arguments": given}, TEXTS),
    st.builds(lambda given: {**CUSTOM, "input": given}, TEXTS),
    st.builds(lambda one, two: {**THOUGHT, "summary": [{**THOUGHT["summary"][0], "text": one}], "content": two}, TEXTS,
              st.none() | st.builds(lambda text: [{"type": "reasoning_text", "text": text}], TEXTS)),
)  # fmt: skip


@given(st.lists(ITEMS, min_size=1, max_size=4))
def test_there_and_back(output: list[Any]) -> None:
    answer = response(*output, instructions="be kind")
    stream = streamed("responses", answer)
    assert whole("responses", stream, streamed=True) == answer
    *before, last = read(stream)
    silent = events(*before, ends({**last["response"], "output": []}))
    assert whole("responses", silent, streamed=True) == answer, "the items alone are all of it"
    assert [event["sequence_number"] for event in [*before, last]] == list(range(len(before) + 1))
    texts = [each for item in output for each in _texts(item)]
    assert [_pieces(before, number) for number in range(len(texts))] == texts


def _texts(item: dict[str, Any]) -> list[str]:
    """All of it, in the order in which a stream says it."""
    parts = [*(item.get("summary") or ()), *(item.get("content") or ())]
    return [item[name] for name in ("arguments", "input") if name in item] + [part["text"] for part in parts]


def _pieces(stream: list[dict[str, Any]], number: int) -> str:
    """Of one text: its pieces, between the end of the one before and its own."""
    ends = [-1, *(at for at, e in enumerate(stream) if {"text", "arguments", "input"} & e.keys())]
    return "".join(e["delta"] for e in stream[ends[number] + 1 : ends[number + 1]] if "delta" in e)


def test_a_stream_looks_as_an_engine_s() -> None:
    annotated = said("so it is, so it is, so it is.")
    annotated["content"][0]["annotations"] = [{"type": "file_citation"}]
    found = read(streamed("responses", response(THOUGHT, annotated, CALL, completed_at=5)))
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done",
        "reasoning_summary_part.done", "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.annotation.added",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    begun = found[0]["response"]
    assert (begun["status"], begun["output"], begun["usage"], begun["completed_at"]) == ("in_progress", [], None, None)
    added = [event["item"] for event in found if event["type"] == "response.output_item.added"]
    assert added[0] == {**THOUGHT, "summary": [], "content": []}
    assert (added[1]["content"], added[1]["status"]) == ([], "in_progress")
    assert (added[2]["arguments"], added[2]["name"]) == ("", "f")
    done = next(event for event in found if event["type"] == "response.function_call_arguments.done")
    assert (done["item_id"], done["output_index"], done["arguments"]) == ("fc_1", 2, CALL["arguments"])


def test_usage_says_that_it_was_kept() -> None:
    kept = json.loads(replay.kept("responses", response("x")))
    assert kept["usage"]["input_tokens_details"] == {"cached_tokens": 7}
    assert usage.tokens("responses", kept) == (7, 5)


@pytest.mark.parametrize("stream", [False, True])
def test_what_it_repeats_is_what_its_own_request_says(stream: bool) -> None:
    """Not the first one's, which may be another client's."""
    first: dict[str, Any] = dict.fromkeys(replay.REPEATED, "theirs")
    kept = plain(kind="responses", answer=replay.kept("responses", response("x", **first)))
    assert b"theirs" not in kept.answer
    asked = {"input": "x", "metadata": {"mine": "ü"}, "safety_identifier": "me", "stream": stream}
    _, body = replay.body(kept, manner("responses", asked))
    assert b"theirs" not in body
    found = whole("responses", body.decode(), streamed=stream)
    told = {name: found[name] for name in replay.REPEATED if name in found}
    assert told == {"metadata": {"mine": "ü"}, "user": None, "safety_identifier": "me"}
    assert found["output"] == response("x")["output"]


def test_what_judges_read() -> None:
    kept = plain(kind="responses", answer=json.dumps(response(THOUGHT, "Paris.", CALL)).encode())
    assert text(kept) == 'Paris.\n["f","{\\"a\\": \\"two words\\"}"]'


@settings(max_examples=300)
@given(
    st.lists(some_json(), min_size=1, max_size=3),
    some_json(),
    st.sampled_from(["message", "reasoning", "function_call"]),
    st.booleans(),
)
def test_of_whatever_shape_it_is_given_both_ways_or_not_kept(
    parts: list[Any], more: Any, item: str, streams: bool
) -> None:
    part = [{"type": "output_text", "text": each, "annotations": more} for each in parts]
    output = [
        {"type": item, "id": more, "content": content, "summary": part, "arguments": more} for content in (part, more)
    ]
    answer = response(*output, usage=more)
    text = events(ends(answer)) if streams else json.dumps(answer)
    with suppress(NotWhole):
        kept = plain(kind="responses", answer=replay.kept("responses", whole("responses", text, streamed=streams)))
        for stream in (False, True):
            replay.body(kept, Manner(stream=stream, usage=True))
