"""The last texts are asked about once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tidegate.embedding.embedder import EmbeddingAway
from tidegate.embedding.recent import Recent


class Counting:
    """Remembers what it was asked."""

    fingerprint = b"counting"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def sees(self, text: str) -> bool:
        return text != "long"

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        if "away" in texts:
            raise EmbeddingAway("away")
        return np.array([[len(text), 0] for text in texts], np.float32)


async def test_what_is_known_is_not_asked_again() -> None:
    inner = Counting()
    recent = Recent(inner)
    await recent.embed(["a", "bb", "a"])
    assert (await recent.embed(["bb", "ccc", "a"]))[:, 0].tolist() == [2, 3, 1]
    assert inner.asked == [["a", "bb"], ["ccc"]]
    assert recent.fingerprint == b"counting"
    assert [recent.sees("a"), recent.sees("long")] == [True, False]


async def test_the_longest_unused_is_forgotten() -> None:
    inner = Counting()
    recent = Recent(inner, kept=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await recent.embed([text])
    assert inner.asked == [["a"], ["b"], ["c"], ["b"]]


async def test_a_failure_is_not_kept() -> None:
    inner = Counting()
    recent = Recent(inner)
    for _ in range(2):
        with pytest.raises(EmbeddingAway):
            await recent.embed(["away"])
    assert len(inner.asked) == 2
