"""From the bytes that an engine sent to one whole answer, whether it streamed them or not; or why they are none.

the bytes                                                              then
--------------------------------------------------------------------   ------------------------
no JSON, no events, events without an end, an error among them         broken
numbers that JSON has not (`NaN`, `1e999`); nested too deep (depth.py) broken
no choices, one that did not end, or that is none of the API's         broken
what Messages and Responses say in shapes of their own                 as apis/ says
pieces of a stream that nobody here can put together                   broken
one that ended for its length                                          cut off
one that a filter ended, or that ended for another reason              filtered
each ended by itself (`stop`), or with a call of a tool                a whole answer
vectors, of embeddings                                                 a whole answer

https://platform.openai.com/docs/api-reference/chat-streaming, https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tidegate.brain.cache.apis import streams
from tidegate.brain.cache.apis.api import APIS
from tidegate.brain.cache.apis.streams import Answer, NotWhole, parsed
from tidegate.brain.cache.depth import may_be_deep, too_deep
from tidegate.brain.cache.entry import Kind

__all__ = ["Answer", "NotWhole", "whole"]

ENDS: Final = frozenset({"stop", "tool_calls", "function_call"})
DONE: Final = "[DONE]"
NOTHING: Final[tuple[Any, ...]] = (None, "", [])
OBJECTS: Final = {"chat.completion.chunk": "chat.completion"}
"""What a whole answer is called instead."""


def whole(kind: Kind, text: str, *, streamed: bool) -> Answer:
    """The answer as JSON has it. Raises NotWhole."""
    try:
        return _whole(kind, text, streamed)
    except (AttributeError, KeyError, TypeError, RecursionError):
        raise NotWhole("broken") from None  # whoever wrote it, it is of no shape that the API has


def _whole(kind: Kind, text: str, streamed: bool) -> Answer:
    answer = _put_together(kind, text) if streamed else parsed(text)
    if answer.get("error") is not None or ((streamed or may_be_deep(text)) and too_deep(answer)):
        raise NotWhole("broken")
    if kind in APIS:
        APIS[kind].check(answer)
    elif kind != "embedding":
        _check_choices(kind, answer)
    elif not answer.get("data"):
        raise NotWhole("broken")
    return answer


def _put_together(kind: Kind, text: str) -> Answer:
    if kind in APIS:
        return APIS[kind].joined(parsed(said) for said in streams.data(text))
    return _joined(_events(text))


def _check_choices(kind: Kind, answer: Answer) -> None:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise NotWhole("broken")
    for number, choice in enumerate(choices):
        _check(kind, choice)
        choice.setdefault("index", number)


def _check(kind: Kind, choice: Answer) -> None:
    reason = choice.get("finish_reason")
    if reason not in ENDS:
        raise NotWhole({None: "broken", "length": "cut-off"}.get(reason, "filtered"))
    said = choice.get("message") if kind == "chat" else choice.get("text")
    if not isinstance(said, dict if kind == "chat" else str):
        raise NotWhole("broken")
    if isinstance(said, dict) and not all(_is_call(call) for call in said.get("tool_calls") or ()):
        raise NotWhole("broken")


def _is_call(call: Any) -> bool:
    return isinstance(call, dict) and isinstance(call.get("function"), dict)


def _events(text: str) -> Iterator[Answer]:
    """Those of a stream before its end, which must be there."""
    for said in streams.data(text):
        if said == DONE:
            return
        yield parsed(said)
    raise NotWhole("broken")


def _joined(events: Iterator[Answer]) -> Answer:
    """Pieces put together: texts behind each other, of all else the last word."""
    answer: Answer = {}
    choices: dict[int, Answer] = {}
    for event in events:
        for name, value in event.items():
            if name == "choices":
                _add(choices, value)
            elif value is not None or name not in answer:
                answer[name] = value
    answer["object"] = OBJECTS.get(answer.get("object", ""), answer.get("object"))
    answer["choices"] = [_texts(choices[index]) for index in sorted(choices)]
    return answer


def _add(choices: dict[int, Answer], pieces: Any) -> None:
    for piece in pieces if isinstance(pieces, list) else ():
        if not isinstance(piece, dict) or not isinstance(piece.get("index", 0), int):
            raise NotWhole("broken")
        choice = choices.setdefault(piece.get("index", 0), {"index": piece.get("index", 0)})
        for name, value in piece.items():
            if name == "delta":
                _join(choice.setdefault("message", {}), value or {})
            elif name == "text":
                choice["text"] = _longer(choice.get("text", ""), value or "")
            elif value is not None or name not in choice:
                choice[name] = value


def _join(message: Answer, delta: Answer) -> None:
    for name, value in delta.items():
        before = message.get(name)
        if name == "tool_calls":
            _join_calls(message, value or [])
        elif isinstance(value, str) and isinstance(before, str | Pieces) and name != "role":
            message[name] = _longer(before, value)
        elif isinstance(value, dict) and isinstance(before, dict):
            _join(before, value)
        elif name == "role" or before in NOTHING:
            message[name] = value if value is not None else before
        elif value not in (*NOTHING, before):
            raise NotWhole("broken")  # lists, for example, of which some servers mean the next part and some the whole


def _join_calls(message: Answer, deltas: list[Answer]) -> None:
    calls: list[Answer] = message.setdefault("tool_calls", [])
    for delta in deltas:
        index = delta.get("index", len(calls))
        if not isinstance(index, int) or not 0 <= index <= len(calls):
            raise NotWhole("broken")
        if index == len(calls):
            calls.append({})
        rest = {name: value for name, value in delta.items() if name != "index"}
        named = {name: rest.pop(name) for name in ("id", "type") if rest.get(name)}
        _join(calls[index], rest)
        calls[index].update(named)


class Pieces:
    """A text whose end has not come: one that is put together anew with each piece takes the square of its length."""

    __slots__ = ("parts",)

    def __init__(self, *parts: str) -> None:
        self.parts = [*parts]


def _longer(before: str | Pieces, value: str) -> Pieces:
    if not isinstance(value, str):
        raise NotWhole("broken")
    if not isinstance(before, Pieces):
        return Pieces(before, value)
    before.parts.append(value)
    return before


def _texts(value: Any) -> Any:
    if isinstance(value, Pieces):
        return "".join(value.parts)
    if isinstance(value, dict):
        return {name: _texts(each) for name, each in value.items()}
    return [_texts(each) for each in value] if isinstance(value, list) else value
