"""What Envoy tells of a request that waits: envoy/limiting.py writes it, this reads it. Its parts are Envoy's own words of what no client can
write; what a client may choose (the body, its path) is read as numbers, or looked up.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple

UNKNOWN: Final = "-"
NETWORK: Final = 64
"""Bits of an IPv6 address that one customer of a provider has to himself (RFC 6177)."""


class Asking(NamedTuple):
    """A request, as far as limits go."""

    model: str
    path: str
    client: str
    """UNKNOWN where nobody is told apart."""
    address: str
    text: int
    """Bytes of text in its body; 0 where nobody knows."""
    most: int | None
    """Tokens of an answer at most; None where it does not say."""
    copies: int
    """Answers."""


def read(model: str, path: str, words: str) -> Asking:
    """Of `BYTES MOST COPIES STREAM ADDRESS CLIENT`, or `- ADDRESS CLIENT` where no native filter has read the body. Raises ValueError."""
    parts = words.split(" ")
    if len(parts) == 3:
        return Asking(model, path, parts[2], subnet(parts[1]), 0, None, 1)
    text, most, copies, _stream, address, client = parts
    known = None if most == UNKNOWN else int(most)
    return Asking(model, path, client, subnet(address), int(text), known, int(copies))


@lru_cache(maxsize=4096)
def subnet(address: str) -> str:
    """Whose address it is: of IPv6 the network, because one client has as many addresses in it as he likes."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> NETWORK << NETWORK))
