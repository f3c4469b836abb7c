"""Bytes that somebody else keeps for us: they come back whole, or it is said that they do not.

magic (3) · version (1) · packing (1) · plain length (4) · digest (16, over all the rest) · payload

The digest finds what was cut or damaged. It is no signature: who may write to the store is trusted.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Final

MAGIC: Final = b"TGA"
VERSION: Final = 1
HEAD: Final = struct.Struct(">3sBBI16s")
UNDIGESTED: Final = struct.Struct(">3sBBI")
PLAIN, ZLIB = 0, 1
WORTH: Final = 512
"""Bytes from which on it is tried to make them fewer."""
LEVEL: Final = 1
"""Of zlib's 1 to 9. English prose in JSON, of 2 to 70 KB, gets to 0.50 to 0.40 of its length with the first, and to 0.48 to 0.34 with the sixth,
which takes up to four times as long."""


class Unreadable(ValueError):
    """These are not the bytes that were given away."""


class OfAnotherVersion(Unreadable):
    """They may be what another router gave away, which is older or newer."""


def seal(plain: bytes) -> bytes:
    """What may be given away."""
    packed = zlib.compress(plain, LEVEL) if len(plain) >= WORTH else plain
    packing, payload = (ZLIB, packed) if len(packed) < len(plain) else (PLAIN, plain)
    about = UNDIGESTED.pack(MAGIC, VERSION, packing, len(plain))
    return b"".join((about, _digest(about, payload), payload))


def unseal(data: bytes, most: int) -> bytes:
    """What was sealed; no more than `most` bytes are made of anything. Raises Unreadable."""
    if len(data) < HEAD.size or not data.startswith(MAGIC):
        raise Unreadable("it is none of ours, or cut off")
    _, version, packing, length, digest = HEAD.unpack_from(data)
    if version != VERSION:
        raise OfAnotherVersion(f"it is of version {version}, and this is {VERSION}")
    payload = memoryview(data)[HEAD.size :]
    if digest != _digest(data[: UNDIGESTED.size], payload):
        raise Unreadable("its checksum is another")
    if length > most:
        raise Unreadable(f"it is longer than {most} bytes")
    plain = _unpacked(payload, length) if packing == ZLIB else bytes(payload)
    if len(plain) != length:
        raise Unreadable("its length is another")
    return plain


def _unpacked(payload: memoryview, length: int) -> bytes:
    """So many bytes, or one more where there are more."""
    try:
        return zlib.decompressobj().decompress(payload, length + 1)
    except zlib.error as error:
        raise Unreadable("it cannot be decompressed") from error


def _digest(about: bytes, payload: bytes | memoryview) -> bytes:
    made = hashlib.blake2b(about, digest_size=16)
    made.update(payload)
    return made.digest()
