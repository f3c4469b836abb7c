"""Of the body of a chat, or of Messages or Responses: what must be the same word for word, and what may be said in other words.

| messages                                         | SingleTurn | SameHistory |
|--------------------------------------------------|------------|-------------|
| instructions (system, developer), one of a user  | a question | a question  |
| answers of an assistant between                  | none       | a question  |
| a tool's call or its result among them; of       | none       | none        |
|   Messages and Responses thoughts, too           |            |             |
| the last is not a user's                         | none       | none        |
| something that is no text (image, sound, file)   | none       | none        |
| an empty last text, or none at all               | none       | none        |

What an earlier message says is part of the namespace in every case: with the last message alone compared, nearly all hits in
conversations were wrong (docs/semantic-cache.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, NamedTuple

from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.turns import TURNS, text, turns

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
    kind: Kind = "chat",
) -> Question | None:
    """Of a body. `scope` stands for what else must be the same (tenant, model, revision, version, ...), `ignored` names the body's fields that
    leave the answer alone."""
    said = turns(kind, body)
    if not said:
        return None
    *before, last = said
    asked = text(last.get("content")) if last.get("role") == "user" else None
    if not asked or not asked.strip() or not all(_may_stand_before(each, conversations) for each in before):
        return None
    rest = {name: body[name] for name in sorted(body) if name not in ignored and name != TURNS[kind]}
    besides = {name: value for name, value in last.items() if name != "content"} | _beside_texts(last["content"])
    return Question(_digest(scope, rest, before, besides), asked)


def _may_stand_before(message: Mapping[str, Any], conversations: str) -> bool:
    roles = INSTRUCTIONS if conversations == "SingleTurn" else SPOKEN
    role = message.get("role")
    return (
        isinstance(role, str)
        and role in roles
        and not any(message.get(each) for each in TOOLS)
        and text(message.get("content")) is not None
    )


def _beside_texts(content: Any) -> dict[str, Any]:
    """What parts say beside their texts, if anything: whatever is new there must be the same, too."""
    parts = content if isinstance(content, list) else ()
    found = [{name: value for name, value in part.items() if name not in ("type", "text")} for part in parts]
    return {"content": found} if any(found) else {}


def _digest(scope: bytes, *same: object) -> bytes:
    """Lengths stand before parts, so that none can pass for another's beginning."""
    canonical = json.dumps(same, separators=(",", ":")).encode()
    made = hashlib.blake2b(len(scope).to_bytes(8, "big"), digest_size=NAMESPACE, person=b"tidegate-similar")
    made.update(scope)
    made.update(canonical)
    return made.digest()
