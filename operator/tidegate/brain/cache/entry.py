"""One answer that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["chat", "completion", "embedding", "messages", "responses"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole answer, and whose it is. Times are seconds of the clock of the world (time.time)."""

    key: bytes
    """32 bytes that stand for everything that two requests must share word for word."""
    kind: Kind
    tenant: str
    """The client whose it is; empty where the whole policy shares."""
    model: str
    """The public name that was asked for."""
    backend: str
    revision: str
    question: str
    """What was asked last, in the user's words; empty where nobody needs it."""
    answer: bytes
    """The API's JSON, as an engine gives it to who does not stream; its usage says that all of the prompt was cached. What it repeats of a
    request that another one need not have is not in it (replay.py)."""
    prompt_tokens: int
    completion_tokens: int
    stored: float
    expires: float
