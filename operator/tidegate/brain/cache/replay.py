"""A whole answer given again, as JSON or as a stream: whichever the client asks for.

It is kept as JSON as it is given again, so that giving it costs nothing however long it is. What it says of usage is what the first answer
used, all of the prompt cached (usage.py).

Responses repeat what a request says. Of what does not count for the key (REPEATED) nothing is kept, since it may be another client's: who is given
the answer finds there what its own request says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tidegate.brain.cache import usage
from tidegate.brain.cache.apis.api import APIS
from tidegate.brain.cache.apis.streams import Answer, pieces, written
from tidegate.brain.cache.entry import Entry, Kind
from tidegate.brain.cache.key import Body

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"
ALWAYS: Final = ("metadata", "user")
REPEATED: Final = (*ALWAYS, "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")
"""Of a request, by its response."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client wants its answer."""

    stream: bool
    usage: bool
    """Whether a stream of chat or completions ends with what was used; others always do."""
    repeated: Mapping[str, Any] = field(default_factory=dict)
    """What the answer repeats of the request."""


def manner(kind: Kind, body: Body) -> Manner:
    """Of a request; vectors are never streamed."""
    options = body.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    stream = body.get("stream") is True and kind != "embedding"
    return Manner(stream, usage, _repeated(body) if kind == "responses" else {})


def _repeated(body: Body) -> Answer:
    """Those that engines repeat when they are not said, too, and those that are."""
    return {name: body.get(name) for name in REPEATED if name in ALWAYS or body.get(name) is not None}


def body(entry: Entry, how: Manner) -> tuple[str, bytes]:
    """Its content type and bytes."""
    if not how.stream:
        return JSON, _beginning(how) + entry.answer[1:] if how.repeated else entry.answer
    return EVENTS, "".join(_stream(entry.kind, {**how.repeated, **json.loads(entry.answer)}, how)).encode()


def _beginning(how: Manner) -> bytes:
    """Of an object."""
    return f"{written(how.repeated)[:-1]},".encode()


def kept(kind: Kind, answer: Answer) -> bytes:
    """A whole answer as an entry has it."""
    told = usage.cached(kind, answer)
    if kind == "responses":
        told = {name: value for name, value in told.items() if name not in REPEATED}
    try:
        return orjson.dumps(told)
    except TypeError:  # half a character, which JSON can only spell out, or a number of more than 64 bits
        return written(told).encode()


def _stream(kind: Kind, answer: Answer, how: Manner) -> Iterator[str]:
    if kind in APIS:
        return (f"event: {event['type']}\ndata: {written(event)}\n\n" for event in APIS[kind].said(answer))
    return (f"data: {said}\n\n" for said in _said(kind, answer, how))


def _said(kind: Kind, answer: Answer, how: Manner) -> Iterator[str]:
    head = {name: value for name, value in answer.items() if name not in ("choices", "usage", "object")}
    head["object"] = "chat.completion.chunk" if kind == "chat" else answer.get("object", "text_completion")
    for choice in answer["choices"]:
        for piece in _of_chat(choice) if kind == "chat" else _of_text(choice):
            yield written({**head, "choices": [piece]})
    if how.usage and answer.get("usage"):
        yield written({**head, "choices": [], "usage": answer["usage"]})
    yield "[DONE]"


def _of_chat(choice: Answer) -> Iterator[Answer]:
    index, message = choice.get("index", 0), choice.get("message") or {}
    texts = {name: value for name, value in message.items() if isinstance(value, str) and name != "role"}
    texts = {**{name: text for name, text in texts.items() if name != "content"}, **texts}  # thoughts come before words
    calls = message.get("tool_calls") or []
    others = {k: v for k, v in message.items() if k not in texts and k not in ("role", "tool_calls") and v is not None}
    yield _delta(index, {"role": message.get("role", "assistant"), "content": "", **others})
    for name, text in texts.items():
        for part in pieces(text):
            yield _delta(index, {name: part})
    for number, call in enumerate(calls):
        yield from _of_call(index, number, call)
    ended = {name: value for name, value in choice.items() if name not in ("message", "index")}
    yield {**_delta(index, {}), **ended}


def _of_call(index: int, number: int, call: Answer) -> Iterator[Answer]:
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    opened = {**call, "index": number, "function": {**function, "arguments": ""}}
    yield _delta(index, {"tool_calls": [opened]})
    for part in pieces(arguments):
        yield _delta(index, {"tool_calls": [{"index": number, "function": {"arguments": part}}]})


def _delta(index: int, delta: Answer) -> Answer:
    return {"index": index, "delta": delta, "finish_reason": None}


def _of_text(choice: Answer) -> Iterator[Answer]:
    rest = {name: value for name, value in choice.items() if name not in ("text", "finish_reason")}
    for part in pieces(choice.get("text") or ""):
        yield {**rest, "text": part, "finish_reason": None}
    yield {**rest, "text": "", "finish_reason": choice.get("finish_reason")}
