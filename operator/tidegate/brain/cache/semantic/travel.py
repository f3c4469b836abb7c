"""A stored question as bytes, in which it travels between routers through the store.

| bytes        | what                                                               |
|--------------|--------------------------------------------------------------------|
| 1            | VERSION; of another one nothing is read                            |
| 4            | CRC-32 of everything behind it, big-endian                         |
| 8            | fingerprint of the embedder                                        |
| 16           | namespace                                                          |
| 32           | key of the answer                                                  |
| 8            | when it runs out, seconds of the world's clock (float64)           |
| 2            | dimensions                                                         |
| 2 each       | the vector (float16, little-endian)                                |
| the rest     | the question, UTF-8; guards read it anew, since they may be newer  |
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple

import numpy as np

from tidegate.brain.cache.semantic.vectors import Vector

VERSION: Final = 1
_HEAD: Final = struct.Struct(">BI")
_BODY: Final = struct.Struct(">8s16s32sdH")


class Traveller(NamedTuple):
    """What another router needs to know."""

    fingerprint: bytes
    namespace: bytes
    key: bytes
    expires: float
    vector: Vector
    text: str


def pack(each: Traveller) -> bytes:
    """At most what a text takes and about 850 bytes at 384 dimensions."""
    head = _BODY.pack(each.fingerprint, each.namespace, each.key, each.expires, len(each.vector))
    body = head + each.vector.astype("<f2").tobytes() + each.text.encode("utf-8", "replace")
    return _HEAD.pack(VERSION, zlib.crc32(body)) + body


def unpack(data: bytes) -> Traveller:
    """Raises ValueError for what is cut, changed, or of another version."""
    body = data[_HEAD.size :]
    if len(body) < _BODY.size or _HEAD.unpack_from(data) != (VERSION, zlib.crc32(body)):
        raise ValueError("not a question of this version, or not all of it")
    made_by, namespace, key, expires, dimensions = _BODY.unpack_from(body)
    end = _BODY.size + 2 * dimensions
    vector = np.frombuffer(body[_BODY.size : end], "<f2").astype(np.float32)
    length = float(np.linalg.norm(vector))
    if len(vector) != dimensions or not 0.9 < length < 1.1:
        raise ValueError("not a vector of length one")
    return Traveller(made_by, namespace, key, expires, vector / np.float32(length), body[end:].decode())
