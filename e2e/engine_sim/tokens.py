"""A tokenizer without a vocabulary: a token is up to four bytes of a word, and its id is these bytes as a number.

Reversible, stateless, and stable: text that begins alike gives tokens that begin alike, which prefix caching lives on.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_PIECE = re.compile(rb" ?[0-9A-Za-z\x80-\xff]{1,4}| {1,4}|[^ 0-9A-Za-z\x80-\xff]")


def encode(text: str) -> list[int]:
    """The token ids of a text."""
    # The leading 1 keeps zero bytes apart: b"\0a" is not b"a".
    return [int.from_bytes(b"\x01" + piece) for piece in _PIECE.findall(text.encode("utf-8", "surrogatepass"))]


def piece(token: int) -> bytes:
    """The bytes of one token; empty for ids that this tokenizer does not make."""
    return token.to_bytes((token.bit_length() + 7) // 8)[1:] if token > 0 else b""


def decode(tokens: Iterable[int]) -> str:
    """The text of token ids."""
    return b"".join(map(piece, tokens)).decode("utf-8", "replace")


def chat_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """The prompt of a conversation, up to where the assistant speaks."""
    turns = "".join(f"{message.get('role', 'user')}:{text_of(message.get('content'))}\n" for message in messages)
    return turns + "assistant:"


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts of which those with `text` count."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, Mapping))
    return ""
