"""Of a chat's body: what must be the same word for word, and what may be said in other words.

| messages                                         | SingleTurn | SameHistory |
|--------------------------------------------------|------------|-------------|
| instructions (system, developer), one of a user  | a question | a question  |
| answers of an assistant between                  | none       | a question  |
| a tool's call or its result among them           | none       | none        |
| the last is not a user's                         | none       | none        |
| something that is no text (image, sound, file)   | none       | none        |
| an empty last text, or none at all               | none       | none        |

What an earlier message says is part of the namespace in every case: with the last message alone compared, nearly all hits in
conversations were wrong (docs/semantic-cache.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

NAMESPACE: Final = 16
"""Bytes."""
INSTRUCTIONS: Final = frozenset({"system", "developer"})
SPOKEN: Final = INSTRUCTIONS | {"user", "assistant"}
TOOLS: Final = ("tool_calls", "function_call")


class Question(NamedTuple):
    """What may be answered by an answer to a similar one of the same namespace."""

    namespace: bytes
    text: str


def question(
    body: Mapping[str, Any],
    scope: bytes,
    conversations: Literal["SingleTurn", "SameHistory"],
    ignored: Collection[str] = (),
) -> Question | None:
    """Of the body of `/v1/chat/completions`. `scope` stands for what else must be the same (tenant, model, revision, version, ...),
    `ignored` names the body's fields that leave the answer alone."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        return None
    *before, last = messages
    text = _text(last.get("content")) if last.get("role") == "user" else None
    if not text or not text.strip() or not all(_may_stand_before(each, conversations) for each in before):
        return None
    rest = {name: body[name] for name in sorted(body) if name not in ignored and name != "messages"}
    asked = {name: value for name, value in last.items() if name != "content"}
    return Question(_digest(scope, rest, before, asked), text)


def _may_stand_before(message: Mapping[str, Any], conversations: str) -> bool:
    roles = INSTRUCTIONS if conversations == "SingleTurn" else SPOKEN
    role = message.get("role")
    return (
        isinstance(role, str) and role in roles and not any(message.get(each) for each in TOOLS) and _is_text(message)
    )


def _is_text(message: Mapping[str, Any]) -> bool:
    return _text(message.get("content")) is not None


def _text(content: object) -> str | None:
    """None where it is more than text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content]
    return _joined(parts)


def _joined(parts: Sequence[object]) -> str | None:
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts) if len(texts) == len(parts) else None


def _digest(scope: bytes, *same: object) -> bytes:
    """Lengths stand before parts, so that none can pass for another's beginning."""
    canonical = json.dumps(same, separators=(",", ":")).encode()
    made = hashlib.blake2b(len(scope).to_bytes(8, "big"), digest_size=NAMESPACE, person=b"tidegate-similar")
    made.update(scope)
    made.update(canonical)
    return made.digest()
