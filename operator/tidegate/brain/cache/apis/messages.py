"""Anthropic's Messages.

of a stream                        then
--------------------------------   -----------------------------------------------------------
message_start                      the message, without content
content_block_start, _delta, _stop one block after the other, of what its kind has, each text behind the one before
message_delta                      how it ended, after all blocks, said once, and its last word of what was used
message_stop                       the end, which must be there
ping                               nothing
error, or what nobody here knows   broken

`stop_reason`                                     an answer is
-----------------------------------------------   -------------
end_turn, stop_sequence, tool_use                 whole
max_tokens, model_context_window_exceeded         cut off
none                                              broken
another (refusal, pause_turn)                     filtered

https://docs.anthropic.com/en/api/messages, https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tidegate.brain.cache.apis.streams import Answer, NotWhole, parsed, pieces, written

ENDS: Final = frozenset({"end_turn", "stop_sequence", "tool_use"})
CUT_OFF: Final = frozenset({"max_tokens", "model_context_window_exceeded"})
BLOCKS: Final[Mapping[str, tuple[str, type]]] = {
    "text": ("text", str),
    "thinking": ("thinking", str),
    "redacted_thinking": ("data", str),
    "tool_use": ("input", dict),
}
"""Of a block by its type: the member that it is there for. What servers do besides (searches, code that they run) has others."""
DELTAS: Final[Mapping[str, Mapping[str, str]]] = {
    "text": {"text_delta": "text", "citations_delta": "citation"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
}
"""What a block may be told after its beginning, by its type, and where that stands."""
LATER: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
"""Told at a stream's end."""
BESIDES: Final = "context_management"
"""Told there, too, but beside them."""


def joined(events: Iterator[Answer]) -> Answer:
    """A stream put together. Raises NotWhole, or what Python raises of shapes that the API has not."""
    message = _Message()
    for event in events:
        if event["type"] == "message_stop":
            return message.whole()
        message.take(event)
    raise NotWhole("broken")


class _Message:
    """One on its way."""

    def __init__(self) -> None:
        self._answer: Answer = {}
        self._open: Answer | None = None
        """The block that is being written."""
        self._pieces: dict[str, list[Any]] = {}
        """What it is told after its beginning."""
        self._takes: Mapping[str, Callable[[Answer], None]] = {
            "message_start": self._start,
            "content_block_start": self._begin,
            "content_block_delta": self._add,
            "content_block_stop": self._end,
            "message_delta": self._ended,
            "ping": lambda _: None,
        }

    def take(self, event: Answer) -> None:
        """The next event."""
        self._takes[event["type"]](event)

    def whole(self) -> Answer:
        """All of it."""
        if self._open is not None:
            raise NotWhole("broken")
        return self._answer

    def _start(self, event: Answer) -> None:
        if self._answer or event["message"]["content"] != []:
            raise NotWhole("broken")
        self._answer = {**event["message"], "content": []}

    def _begin(self, event: Answer) -> None:
        content = self._answer["content"]
        if self._open is not None or event["index"] != len(content) or self._answer.get("stop_reason"):
            raise NotWhole("broken")
        self._open, self._pieces = {**event["content_block"]}, {}
        content.append(self._open)

    def _written(self, event: Answer) -> Answer:
        """The block that an event is about."""
        if self._open is None or event["index"] != len(self._answer["content"]) - 1:
            raise NotWhole("broken")
        return self._open

    def _add(self, event: Answer) -> None:
        block, delta = self._written(event), event["delta"]
        name = DELTAS[block["type"]][delta["type"]]
        self._pieces.setdefault(name, []).append(delta[name])

    def _end(self, event: Answer) -> None:
        block = self._written(event)
        for name, said in self._pieces.items():
            _TOLD[name](block, said)
        self._open = None

    def _ended(self, event: Answer) -> None:
        usage = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        told = {**event["delta"]}
        if self._open is not None or any(self._answer.get(name) is not None for name in told):
            raise NotWhole("broken")
        self._answer |= told | ({BESIDES: event[BESIDES]} if event.get(BESIDES) else {})
        self._answer["usage"] = {**(self._answer.get("usage") or {}), **usage}


def _text(name: str) -> Callable[[Answer, list[str]], None]:
    def told(block: Answer, pieces: list[str]) -> None:
        block[name] = (block.get(name) or "") + "".join(pieces)

    return told


def _signature(block: Answer, pieces: list[str]) -> None:
    """Clients take the last word, and nobody says it in pieces."""
    if block.get("signature") or len(pieces) > 1:
        raise NotWhole("broken")
    block["signature"] = pieces[0]


def _citations(block: Answer, pieces: list[Any]) -> None:
    block["citations"] = [*(block.get("citations") or ()), *pieces]


def _input(block: Answer, pieces: list[str]) -> None:
    if told := "".join(pieces):
        block["input"] = parsed(told)


_TOLD: Final[Mapping[str, Callable[[Answer, list[Any]], None]]] = {
    "text": _text("text"),
    "thinking": _text("thinking"),
    "signature": _signature,
    "citation": _citations,
    "partial_json": _input,
}


def check(answer: Answer) -> None:
    """Whether it is whole. Raises NotWhole, or what Python raises of shapes that the API has not."""
    if answer["type"] != "message" or not isinstance(answer["content"], list) or not isinstance(answer["usage"], dict):
        raise NotWhole("broken")
    reason = answer.get("stop_reason")
    if reason not in ENDS:
        raise NotWhole("broken" if reason is None else "cut-off" if reason in CUT_OFF else "filtered")
    if not all(_is_block(block) for block in answer["content"]):
        raise NotWhole("broken")


def _is_block(block: Answer) -> bool:
    name, kind = BLOCKS[block["type"]]
    besides = isinstance(block.get("citations") or [], list) and isinstance(block.get("signature") or "", str)
    return isinstance(block.get(name), kind) and besides


def said(answer: Answer) -> Iterator[Answer]:
    """The events of a stream."""
    usage = answer["usage"]
    begun = {name: value for name, value in answer.items() if name not in (*LATER, BESIDES)}
    begun |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 0}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(answer["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _opened(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_sequence": None, **{name: answer[name] for name in LATER if name in answer}}
    besides = {BESIDES: answer[BESIDES]} if BESIDES in answer else {}
    yield {"type": "message_delta", "delta": ended, "usage": usage, **besides}
    yield {"type": "message_stop"}


def _opened(block: Answer) -> Answer:
    """As it begins."""
    if block["type"] == "text":
        return {**block, "text": "", **({"citations": []} if block.get("citations") else {})}
    if block["type"] == "thinking":
        return {**block, "thinking": "", **({"signature": ""} if "signature" in block else {})}
    return {**block, "input": {}} if block["type"] == "tool_use" else block


def _deltas(block: Answer) -> Iterator[Answer]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
        yield from ({"type": "citations_delta", "citation": each} for each in block.get("citations") or ())
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
        if block.get("signature"):
            yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "tool_use" and block["input"]:
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces(written(block["input"])))


def text(answer: Answer) -> str:
    """What it says; calls of tools are words, too."""
    blocks = answer["content"]
    said = [block["text"] for block in blocks if block["type"] == "text"]
    calls = [written([block.get("name"), block["input"]]) for block in blocks if block["type"] == "tool_use"]
    return "\n".join([*said, *calls])
