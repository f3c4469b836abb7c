"""What turns texts into vectors, whatever it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FINGERPRINT: Final = 8
"""Bytes."""
EXTRA: Final = "tidegate[semantic]"


class Embedder(Protocol):
    """Vectors of two embedders are never compared: `fingerprint` says which made one."""

    @property
    def fingerprint(self) -> bytes:
        """FINGERPRINT bytes that stand for the model, how it was quantised, how much of a text it reads, and the dimensions."""

    def sees(self, text: str) -> bool:
        """Whether a vector stands for all of the text: it is not cut, and every word of it is known. Two texts that are not seen whole may
        have one vector and mean different things."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row of length one for each text. Raises EmbeddingAway."""


class EmbeddingAway(Exception):
    """There is no vector just now: an endpoint that does not answer, or too many texts that wait. Never more than a miss."""


class EmbeddingMissing(RuntimeError):
    """This installation cannot embed; the message says what to install."""


def fingerprint(*parts: object) -> bytes:
    """Of everything on which a vector depends."""
    said = "\0".join(map(str, parts)).encode()
    return hashlib.sha256(said).digest()[:FINGERPRINT]


class Room:
    """How many may wait at once."""

    def __init__(self, most: int) -> None:
        self._left = most

    async def __aenter__(self) -> None:
        if self._left <= 0:
            raise EmbeddingAway("too many texts wait for their vectors")
        self._left -= 1

    async def __aexit__(self, *_: object) -> None:
        self._left += 1
