"""Vectors of the last texts: who finds no answer stores one soon, and a route may ask what a cache has asked before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tidegate.embedding.embedder import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

KEPT: Final = 512
"""Texts: with 384 dimensions and a kilobyte of text each about 1.3 MB."""


class Recent:
    """Another embedder, asked once for each text of the last ones."""

    def __init__(self, embedder: Embedder, kept: int = KEPT) -> None:
        self._embedder, self._kept = embedder, kept
        self._known: OrderedDict[str, Rows] = OrderedDict()

    @property
    def fingerprint(self) -> bytes:
        """The other's."""
        return self._embedder.fingerprint

    def sees(self, text: str) -> bool:
        """What the other says."""
        return text in self._known or self._embedder.sees(text)

    async def embed(self, texts: Sequence[str]) -> Rows:
        """A row for each text. Raises EmbeddingAway."""
        found = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            found |= zip(new, await self._embedder.embed(new), strict=True)
        self._keep(found)
        return _rows([found[text] for text in texts])

    def _keep(self, found: dict[str, Rows]) -> None:
        self._known |= found
        for text in found:
            self._known.move_to_end(text)
        while len(self._known) > self._kept:
            self._known.popitem(last=False)


def _rows(vectors: list[Rows]) -> Rows:
    import numpy as np

    return np.stack(vectors)
