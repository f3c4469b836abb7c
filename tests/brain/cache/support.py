"""Answers for tests."""

from __future__ import annotations

from typing import Any

from tidegate.brain.cache.entry import Entry


def entry(key: bytes = b"k", **changes: Any) -> Entry:
    """One that is short, and kept for a thousand seconds."""
    plain: dict[str, Any] = {
        "kind": "chat",
        "tenant": "acme",
        "model": "chat",
        "backend": "a",
        "revision": "r1",
        "question": "",
        "answer": b"{}",
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "stored": 0.0,
        "expires": 1000.0,
    }
    return Entry(key=key, **plain | changes)
