"""Who says what in a request of each API.

API              turns stand in                                     their texts are parts of type
--------------   ------------------------------------------------   ----------------------------------
chat, messages   `messages`                                         text
responses        `input`: a user's text, or items of which those    input_text, output_text, text
                 without another type than `message` are turns
completions      none: `prompt` is all that is said
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.brain.cache.entry import Kind

TURNS: Final[Mapping[Kind, str]] = {
    "chat": "messages",
    "messages": "messages",
    "responses": "input",
    "completion": "prompt",
    "embedding": "input",
}
"""The member of a body in which all stands that is said."""
CONVERSATIONS: Final[tuple[Kind, ...]] = ("chat", "messages", "responses")
TEXTS: Final = ("text", "input_text", "output_text")
BESIDES: Final = "previous_input_messages"
"""A history of vLLM's own, in the words of one family of models."""


def turns(kind: Kind, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """In their order; none where something of it is no turn."""
    found = body.get(TURNS[kind])
    if kind == "responses":
        found = [{"role": "user", "content": found}] if isinstance(found, str) else found
        if body.get(BESIDES):
            return []
    if not isinstance(found, list) or not all(isinstance(each, dict) and _is_turn(each) for each in found):
        return []
    return found


def _is_turn(turn: Mapping[str, Any]) -> bool:
    return "type" not in turn or turn["type"] == "message"


def text(content: object) -> str | None:
    """None where it is more than text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part.get("text") if isinstance(part, dict) and part.get("type") in TEXTS else None for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts) if len(texts) == len(parts) else None


def last(kind: Kind, body: Mapping[str, Any]) -> str:
    """What is asked last, in plain words; empty where it is something else."""
    if kind not in CONVERSATIONS:
        said = body.get("prompt")
    else:
        said = text(found[-1].get("content")) if (found := turns(kind, body)) else ""
    return said if isinstance(said, str) else ""
