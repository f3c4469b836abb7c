"""A whole answer given again, as JSON or as a stream: whichever the client asks for.

It is kept as JSON as it is given again, so that giving it costs nothing however long it is. What it says of usage is what the first answer used; that nothing was worked for now is said as providers say it of their own caches: all
of the prompt was cached (`prompt_tokens_details.cached_tokens`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from tidegate.brain.cache.entry import Entry, Kind
from tidegate.brain.cache.key import Body

Answer = dict[str, Any]
PIECE: Final = 24
"""Characters of a piece of a stream at least: some words, so that a stream looks as an engine's does."""
MOST_PIECES: Final = 250
"""Of one text; of a longer one pieces are larger. Each costs the brain some microseconds in which it answers nobody else."""
LONGEST_WORD: Final = 40
"""Characters that are waited for its end: there are languages without spaces."""
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client wants its answer."""

    stream: bool
    usage: bool
    """Whether a stream ends with what was used."""


def manner(kind: Kind, body: Body) -> Manner:
    """Of a request; vectors are never streamed."""
    options = body.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return Manner(stream=body.get("stream") is True and kind != "embedding", usage=usage)


def body(entry: Entry, how: Manner) -> tuple[str, bytes]:
    """Its content type and bytes."""
    if not how.stream:
        return JSON, entry.answer
    answer = json.loads(entry.answer)
    return EVENTS, b"".join(b"data: %b\n\n" % said.encode() for said in _said(entry.kind, answer, how))


def kept(answer: Answer) -> bytes:
    """A whole answer as an entry has it."""
    usage = answer.get("usage")
    if isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int):
        details = usage.get("prompt_tokens_details")
        known = details if isinstance(details, dict) else {}
        cached = {**known, "cached_tokens": usage["prompt_tokens"]}
        answer = {**answer, "usage": {**usage, "prompt_tokens_details": cached}}
    try:
        return orjson.dumps(answer)
    except TypeError:  # half a character, which JSON can only spell out, or a number of more than 64 bits
        return json.dumps(answer, separators=(",", ":")).encode()


def _said(kind: Kind, answer: Answer, how: Manner) -> Iterator[str]:
    head = {name: value for name, value in answer.items() if name not in ("choices", "usage", "object")}
    head["object"] = "chat.completion.chunk" if kind == "chat" else answer.get("object", "text_completion")
    write = json.dumps
    for choice in answer["choices"]:
        for piece in _of_chat(choice) if kind == "chat" else _of_text(choice):
            yield write({**head, "choices": [piece]}, separators=(",", ":"))
    if how.usage and answer.get("usage"):
        yield write({**head, "choices": [], "usage": answer["usage"]}, separators=(",", ":"))
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


def pieces(text: str) -> Iterator[str]:
    """Whole words, together at least PIECE characters."""
    least = max(PIECE, len(text) // MOST_PIECES)
    return (found[0] for found in _piece(least).finditer(text))


@lru_cache(maxsize=16)
def _piece(least: int) -> re.Pattern[str]:
    return re.compile(rf".{{{least}}}\S{{0,{LONGEST_WORD}}}\s?|.+", re.DOTALL)
