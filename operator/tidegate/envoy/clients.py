"""Who may ask: what the native filter `route` is told of clients' keys, which is never the keys themselves (native/src/clients.rs)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tidegate.names import CLIENT_HEADER, short_hash

OPEN: Final = ("/healthz",)
"""Paths that need no key."""
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
NAME: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
"""What Kubernetes allows as the name of a Secret's entry."""
Lines = list[tuple[str, str]]


@dataclass(frozen=True)
class Clients:
    """Of a policy whose clients have keys, or tokens."""

    by_digest: Mapping[str, str] = field(default_factory=dict)
    """Clients' ids by the SHA-256 of their keys, in small hexadecimal digits."""
    unread: bool = False
    """Whether there may be more than are known: a Secret, or the keys of an issuer, were not read yet."""
    jwks: str = ""
    """The keys that tokens are signed with, where clients show tokens (RFC 7517)."""

    def hash(self) -> str:
        """The same for the same clients, in whatever order."""
        return short_hash(repr((sorted(self.by_digest.items()), self.unread, self.jwks)), 12)

    @cached_property
    def lines(self) -> Lines:
        """Of the filter's configuration; the filter stands in several chains."""
        for digest, name in self.by_digest.items():
            if not DIGEST.fullmatch(digest) or not NAME.fullmatch(name):
                raise ValueError("not a digest and a client's id")
        return [
            ("keys", ""),
            *([("unread", "")] if self.unread else []),
            *([("told", CLIENT_HEADER)] if self.jwks else []),
            *(("open", path) for path in OPEN),
            *(("client", f"{digest} {name}") for digest, name in sorted(self.by_digest.items())),
        ]


NOT_READ: Final = Clients(unread=True)
"""Before anything is known nobody is let in."""
