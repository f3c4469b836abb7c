"""A router's brain with a cache: `python -m benchmarks.cache.brain FOLDER PORT ENGINE VECTORS`.

`document.json` in the folder is the document; its tier's index begins with so many vectors of other questions of the namespace that is
asked in. `ready` appears in the folder when all layers are there.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from pathlib import Path

import numpy as np
import uvloop

from benchmarks.router.brain import serve
from tidegate.brain.cache.semantic.index import Index
from tidegate.brain.cache.similar import SimilarQuestions
from tidegate.brain.cache.tier import Tier
from tidegate.brain.router import Router

DIMENSIONS = 384


async def main(folder: Path, port: int, engine: int, vectors: int) -> None:
    """Until it is ended."""
    await serve(folder, port, engine, lambda router: _prepare(router, folder, vectors))


async def _prepare(router: Router, folder: Path, vectors: int) -> None:
    tiers = router.decisions.cache.tiers
    while not all(_there(tier) for tier in tiers.values()) or not router.started.is_set():
        await asyncio.sleep(0.05)
    for tier in tiers.values():
        if isinstance(tier.similar, SimilarQuestions) and vectors:
            await _fill(tier.similar, vectors)
    (folder / "ready").touch()


def _there(tier: Tier) -> bool:
    store = not tier.cache.exact or (tier.shared is not None and getattr(tier.shared, "ready", True))
    return store and (not tier.cache.semantic or tier.similar is not None)


async def _fill(similar: SimilarQuestions, count: int) -> None:
    """Into the namespace of the first question that is learned."""
    index: Index = similar.semantic._index
    while not index.namespaces:
        await asyncio.sleep(0.05)
    namespace = next(iter(index._shelves))
    rows = np.random.default_rng(1).standard_normal((count, DIMENSIONS), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expires = time.time() + 3600
    for number, row in enumerate(rows):
        features = index._shelves[namespace]._stored[next(iter(index._shelves[namespace]._stored))].features
        index.add(namespace, number.to_bytes(32, "big"), row, features, "", expires, time.time())


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
