"""From the bytes that an engine sent to one whole answer, whether it streamed them or not; or why they are none.

the bytes                                                              then
--------------------------------------------------------------------   ------------------------
no JSON, no events, events without `[DONE]`, an error among them       broken
no choices, or none that ended; parts of another shape than the API's  broken
numbers that JSON has not (`NaN`, `1e999`)                             broken
one that ended for its length                                          cut off
one that a filter ended, or that ended for another reason              filtered
each ended by itself (`stop`), or with a call of a tool                a whole answer
vectors, of embeddings                                                 a whole answer

https://platform.openai.com/docs/api-reference/chat-streaming, https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any, Final, TypeVar

from tidegate.brain.cache.entry import Kind

Answer = dict[str, Any]
T = TypeVar("T")
ENDS: Final = frozenset({"stop", "tool_calls", "function_call"})
DONE: Final = "[DONE]"
OBJECTS: Final = {"chat.completion.chunk": "chat.completion"}
"""What a whole answer is called instead."""


class NotWhole(ValueError):
    """It must not be given again; the text is the reason, a word for metrics."""


def whole(kind: Kind, text: str, *, streamed: bool) -> Answer:
    """The answer as JSON has it. Raises NotWhole."""
    answer = _joined(_events(text)) if streamed else _parsed(text)
    if "error" in answer:
        raise NotWhole("broken")
    if kind == "embedding":
        if not answer.get("data"):
            raise NotWhole("broken")
        return answer
    choices = _is(list, answer.get("choices"))
    if not choices:
        raise NotWhole("broken")
    for choice in choices:
        _check(kind, _is(dict, choice))
    return answer


def _is(shape: type[T], value: Any) -> T:
    """Whatever an engine writes where something else belongs ends here, and not where an answer is put together, or given again."""
    if not isinstance(value, shape):
        raise NotWhole("broken")
    return value


def _check(kind: Kind, choice: Answer) -> None:
    reason = choice.get("finish_reason")
    if reason is None:
        raise NotWhole("broken")
    if _is(str, reason) not in ENDS:
        raise NotWhole("cut-off" if reason == "length" else "filtered")
    _is(int, choice.get("index", 0))
    if kind == "chat":
        for call in _is(list, _is(dict, choice.get("message")).get("tool_calls") or []):
            _is(str, _is(dict, _is(dict, call).get("function") or {}).get("arguments") or "")
    else:
        _is(str, choice.get("text") or "")


def _parsed(text: str) -> Answer:
    try:
        found = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise NotWhole("broken") from None
    return _is(dict, found)


def _finite(number: str) -> float:
    """Raises ValueError."""
    found = float(number)
    if not isfinite(found):
        raise ValueError(f"{number} is no number of JSON's")
    return found


def _events(text: str) -> Iterator[Answer]:
    """The data of each event before the end, which must be there."""
    data: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            said, data = "\n".join(data), []
            if said == DONE:
                return
            yield _parsed(said)
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
    said = _is(str, answer.get("object") or "")
    answer["object"] = OBJECTS.get(said, answer.get("object"))
    answer["choices"] = [choices[index] for index in sorted(choices)]
    return answer


def _add(choices: dict[int, Answer], pieces: Any) -> None:
    for piece in pieces if isinstance(pieces, list) else ():
        index = _is(int, _is(dict, piece).get("index", 0))
        choice = choices.setdefault(index, {"index": index})
        for name, value in piece.items():
            if name == "delta":
                _join(_is(dict, choice.setdefault("message", {})), _is(dict, value or {}))
            elif name == "text":
                choice["text"] = choice.get("text", "") + _is(str, value or "")
            elif value is not None or name not in choice:
                choice[name] = value


def _join(message: Answer, delta: Answer) -> None:
    for name, value in delta.items():
        before = message.get(name)
        if name == "tool_calls":
            _join_calls(message, _is(list, value or []))
        elif isinstance(value, str) and isinstance(before, str) and name != "role":
            message[name] = before + value
        elif isinstance(value, dict) and isinstance(before, dict):
            _join(before, value)
        elif value is not None or name not in message:
            message[name] = value


def _join_calls(message: Answer, deltas: list[Any]) -> None:
    calls = _is(list, message.setdefault("tool_calls", []))
    for delta in deltas:
        index = _is(dict, delta).get("index", len(calls))
        if not isinstance(index, int) or not 0 <= index <= len(calls):
            raise NotWhole("broken")
        if index == len(calls):
            calls.append({})
        rest = {name: value for name, value in delta.items() if name != "index"}
        named = {name: rest.pop(name) for name in ("id", "type") if rest.get(name)}
        _join(_is(dict, calls[index]), rest)
        calls[index].update(named)
