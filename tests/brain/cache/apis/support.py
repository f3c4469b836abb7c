"""Answers of Messages and Responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.brain.cache.support import plain
from tidegate.brain.cache import replay
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.replay import Manner

RECORDINGS = Path(__file__).parents[3] / "engine_sim" / "recordings"


def recorded(name: str) -> str:
    """What a real vLLM 0.32 said, without the headers."""
    return (RECORDINGS / name).read_text().partition("\n\n")[2]


def message(*content: Any, reason: Any = "end_turn", **more: Any) -> dict[str, Any]:
    """Of Anthropic's API; a text is a block."""
    blocks = [{"type": "text", "text": each} if isinstance(each, str) else each for each in content]
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks, "stop_reason": reason, "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 5}, **more,
    }  # fmt: skip


def response(*output: Any, **more: Any) -> dict[str, Any]:
    """Of OpenAI's API; a text is a message."""
    items = [said(each) if isinstance(each, str) else each for each in output]
    usage = {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5, "total_tokens": 12}
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "incomplete_details": None, "error": None,
        "output": items, "usage": usage, **more,
    }  # fmt: skip


def said(text: str) -> dict[str, Any]:
    """An item."""
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": None}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def events(*each: dict[str, Any]) -> str:
    """A stream."""
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in each)


def streamed(kind: Kind, answer: dict[str, Any], **repeated: Any) -> str:
    """Given again as a stream."""
    how = Manner(stream=True, usage=False, repeated=repeated)
    said, body = replay.body(plain(kind=kind, answer=json.dumps(answer).encode()), how)
    assert said.startswith("text/event-stream")
    return body.decode()


def read(stream: str) -> list[dict[str, Any]]:
    """Its events, each named twice."""
    found = []
    for event in stream.removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found
