"""Answers for tests of what keeps them."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from tidegate.brain.cache.entry import Entry
from tidegate.contract.cache import Cache, Quality, Semantic

WATCHED = Semantic(
    threshold=0.9,
    guards=(),
    conversations="SingleTurn",
    ttl_seconds=600,
    max_entries=10,
    quality=Quality(sample=0.5, max_false_hits=0.1),
)
"""Similar questions whose answers are looked at."""


def key(name: object) -> bytes:
    """32 bytes."""
    return hashlib.sha256(str(name).encode()).digest()


def entry(name: object = "a", **more: Any) -> Entry:
    """Stored just now, for an hour."""
    now = time.time()
    known: dict[str, Any] = {
        "key": key(name), "kind": "chat", "tenant": "acme", "model": "chat", "backend": "qwen", "revision": "r1",
        "question": "What is the capital of France?", "answer": b'{"choices":[{"message":{"content":"Paris."}}]}',
        "prompt_tokens": 9, "completion_tokens": 2, "stored": now, "expires": now + 3600,
    }  # fmt: skip
    return Entry(**(known | more))


def tier(max_bytes: int = 8_000_000, **more: Any) -> Cache:
    """With a store."""
    known: dict[str, Any] = {
        "name": "answers", "sharing": "Client", "max_temperature": 0.0, "max_answer_bytes": 1_000_000,
        "exact": {"ttl_seconds": 3600, "max_bytes": max_bytes},
    }  # fmt: skip
    return Cache.model_validate(known | more)


def plain(name: bytes = b"k", **more: Any) -> Entry:
    """Under this very key, short, of the clock's first thousand seconds."""
    return entry(**{"key": name, "question": "", "answer": b"{}", "stored": 0.0, "expires": 1000.0} | more)
