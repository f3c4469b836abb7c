"""A stored question as news for other routers (stored/news.py). What guards read goes as the text itself, behind the embedder's fingerprint: they
read it anew, since another router's may be newer ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tidegate.brain.cache.semantic.matrix import Vector
from tidegate.brain.cache.stored import news
from tidegate.embedding.embedder import FINGERPRINT

NUMBER = np.dtype("<f2")


class Traveller(NamedTuple):
    """What another router needs to know."""

    fingerprint: bytes
    namespace: bytes
    key: bytes
    vector: Vector
    text: str
    expires: float


def told(each: Traveller) -> news.Vector:
    """For the others."""
    features = each.fingerprint + each.text.encode("utf-8", "replace")
    return news.Vector(each.namespace, each.key, each.vector.astype(NUMBER).tobytes(), features, each.expires)


def heard(said: news.Vector) -> Traveller:
    """Of another. Raises ValueError where it is not what `told` makes."""
    vector = np.frombuffer(said.vector, NUMBER).astype(np.float32)
    length = float(np.linalg.norm(vector))
    if not 0.9 < length < 1.1:
        raise ValueError("not a vector of length one")
    if len(said.features) < FINGERPRINT or not math.isfinite(said.expires):
        raise ValueError("not a question")
    text = said.features[FINGERPRINT:].decode()
    return Traveller(
        said.features[:FINGERPRINT], said.namespace, said.key, vector / np.float32(length), text, said.expires
    )
