"""From what engines send to whole answers, and back to what clients are given."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.brain.cache.support import plain
from tidegate.brain.cache import replay
from tidegate.brain.cache.apis import streams
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.replay import Manner
from tidegate.brain.cache.whole import NotWhole, whole

CALL = {"id": "call-1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1, "b": "two words"}'}}
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def chat(message: dict[str, Any], finish: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **more}


def why(kind: Kind, text: str, *, streamed: bool) -> str:
    with pytest.raises(NotWhole) as error:
        whole(kind, text, streamed=streamed)
    return str(error.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (chat({"content": "x"}, "length"), "cut-off"),
        (chat({"content": "x"}, "content_filter"), "filtered"),
        (chat({"content": "x"}, "abort"), "filtered"),
        (chat({"content": "x"}, None), "broken"),
        ({"error": {"message": "no"}}, "broken"),
        ({"choices": []}, "broken"),
        ({"choices": [1]}, "broken"),
        ([], "broken"),
        (chat({"content": "x"}, score=float("nan")), "broken"),
        (chat({"content": "x"}, ["stop"]), "broken"),
        (chat({"tool_calls": [1]}), "broken"),
        (chat({"tool_calls": [{"function": None}]}), "broken"),
        ({"choices": [{"index": 0, "message": "x", "finish_reason": "stop"}]}, "broken"),
        ({"choices": [{"index": 0, "finish_reason": "stop"}]}, "broken"),
    ],
)
def test_each_row_of_what_is_none(answer: Any, reason: str) -> None:
    assert why("chat", json.dumps(answer), streamed=False) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "broken"),
        ("data: {}\n\n", "broken"),
        ("data: [DONE]\n\n", "broken"),
        ("data: x\n\ndata: [DONE]\n\n", "broken"),
        ('data: {"error": {}}\n\ndata: [DONE]\n\n', "broken"),
        ('data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n', "broken"),
        ('data: {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}\n\n', "broken"),
        ('data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}\n\ndata: [DONE]\n\n', "cut-off"),
        ('data: {"choices": [{"index": {}, "delta": {}}]}\n\ndata: [DONE]\n\n', "broken"),
        ('data: {"choices": [{"delta": {"tool_calls": [{"index": 7}]}}]}\n\ndata: [DONE]\n\n', "broken"),
        ('data: {"choices": [{"delta": [1], "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n', "broken"),
        ('data: {"choices": [{"delta": {"tool_calls": [1]}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n', "broken"),
        ('data: {"object": [], "choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n', "broken"),
    ],
)
def test_each_row_of_streams_that_are_none(text: str, reason: str) -> None:
    assert why("chat", text, streamed=True) == reason


def test_comments_and_other_line_ends() -> None:
    text = ': wait\r\n\r\ndata: {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}\r\n\r\ndata: [DONE]\r\n\r\n'
    assert whole("completion", text, streamed=True)["choices"][0]["text"] == "a"


def stream(*deltas: Any) -> str:
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    return "".join(f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices) + "data: [DONE]\n\n"


def test_parts_that_nobody_here_can_put_together() -> None:
    """Content in lists, as some servers stream thoughts: the last part is not the whole."""
    parts = [{"content": [{"type": "text", "text": text}]} for text in ("one", "two")]
    assert why("chat", stream(*parts), streamed=True) == "broken"
    assert why("chat", stream({"content": "one"}, parts[1]), streamed=True) == "broken"
    once = whole("chat", stream({"role": "assistant", "content": []}, parts[0], {"content": None}), streamed=True)
    assert once["choices"][0]["message"]["content"] == parts[0]["content"]


def test_what_some_servers_leave_out_or_add() -> None:
    answer = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "error": None}
    assert whole("chat", json.dumps(answer), streamed=False)["choices"][0]["index"] == 0


def test_vectors() -> None:
    answer = {"object": "list", "data": [{"embedding": [0.1], "index": 0}]}
    assert whole("embedding", json.dumps(answer), streamed=False) == answer
    assert why("embedding", '{"data": []}', streamed=False) == "broken"


WORDS = st.text(max_size=120)


@given(WORDS, st.none() | WORDS, st.booleans(), st.booleans())
def test_there_and_back(content: str, reasoning: str | None, called: bool, usage: bool) -> None:
    message: dict[str, Any] = {"content": content, **({"reasoning_content": reasoning} if reasoning else {})}
    if called:
        message["tool_calls"] = [CALL, {**CALL, "id": "call-2"}]
    answer = chat(message, "tool_calls" if called else "stop", usage=USAGE)
    kept = plain(answer=json.dumps(answer).encode())
    kind, body = replay.body(kept, Manner(stream=True, usage=usage))
    assert kind.startswith("text/event-stream")
    again = whole("chat", body.decode(), streamed=True)
    told = again.pop("usage", None)
    assert (told is not None) == usage
    assert again == {name: value for name, value in answer.items() if name != "usage"}


@given(WORDS)
def test_texts_there_and_back(text: str) -> None:
    choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
    answer = {"id": "1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    _, body = replay.body(plain(answer=json.dumps(answer).encode(), kind="completion"), Manner(stream=True, usage=True))
    again = whole("completion", body.decode(), streamed=True)
    assert again["choices"] == answer["choices"]


def test_usage_says_that_it_was_kept() -> None:
    kept = plain(answer=replay.kept("chat", chat({"content": "x"}, usage=USAGE)))
    kind, body = replay.body(kept, Manner(stream=False, usage=False))
    assert kind == "application/json"
    assert json.loads(body)["usage"] == USAGE | {"prompt_tokens_details": {"cached_tokens": 7}}


@given(st.text())
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(streams.pieces(text)) == text


@pytest.mark.parametrize("word", ["word ", "w", "\n", "字"])
def test_a_long_text_is_not_many_pieces(word: str) -> None:
    """Each costs the brain time in which it decides nothing: 256 KiB in pieces of 24 characters took a third of a second."""
    text = word * (300_000 // len(word))
    made = list(streams.pieces(text))
    assert "".join(made) == text
    assert 100 < len(made) <= streams.MOST_PIECES + 1
    assert list(streams.pieces("so it is, " * 3)) == ["so it is, so it is, so it ", "is, "]


def test_thoughts_come_before_words() -> None:
    message = {"content": "so it is", "reasoning": "is it so?"}
    _, body = replay.body(plain(answer=replay.kept("chat", chat(message))), Manner(stream=True, usage=False))
    assert body.index(b"is it so?") < body.index(b"so it is")


def test_a_number_of_many_digits_stays_the_number() -> None:
    answer = {"choices": [], "seed": 1 << 70}
    assert json.loads(replay.kept("chat", answer)) == answer


def test_half_a_character() -> None:
    kept = replay.kept("chat", chat({"content": "\ud800 字"}))
    assert json.loads(kept)["choices"][0]["message"]["content"] == "\ud800 字"
    assert "字".encode() in replay.kept("chat", chat({"content": "字"}))


@given(st.text(), st.booleans())
def test_any_text_is_an_answer_or_none(text: str, streamed: bool) -> None:
    with suppress(NotWhole):
        assert whole("chat", text, streamed=streamed)["choices"]


def some_json() -> st.SearchStrategy[Any]:
    """With the names that answers have, wherever they do not belong."""
    names = st.sampled_from(
        ["choices", "delta", "message", "tool_calls", "function", "arguments", "index", "text", "object", "usage"]
    )
    leaves: st.SearchStrategy[Any] = st.sampled_from(
        [None, True, 0, -1, 1e999, "", "x", "stop", "chat.completion.chunk", [], {}]
    )
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=4), max_leaves=8
    )


@settings(max_examples=500)
@given(
    st.sampled_from(["chat", "completion"]), st.lists(some_json(), min_size=1, max_size=3), some_json(), st.booleans()
)
def test_of_whatever_shape_it_is_given_both_ways_or_not_kept(
    kind: Kind, parts: list[Any], more: Any, streamed: bool
) -> None:
    choices = [{"index": 0, "delta": p, "message": p, "text": p, "finish_reason": "stop"} for p in parts]
    events = [
        json.dumps({"choices": [choice], "object": more} if streamed else {"choices": choices}) for choice in choices
    ]
    text = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]) if streamed else events[0]
    with suppress(NotWhole):
        kept = plain(kind=kind, answer=replay.kept(kind, whole(kind, text, streamed=streamed)))
        for stream in (False, True):
            replay.body(kept, Manner(stream=stream, usage=True))
