"""Where a policy's store is, from its Secrets. No password and no URL with one is in any message."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tidegate import names
from tidegate.contract import sentinels
from tidegate.contract.limits import Store
from tidegate.contract.sentinels import Sentinels


class Unusable(ValueError):
    """Why nobody can connect."""


@dataclass(frozen=True)
class Where:
    """One store, and how to get in."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: bool = False
    authority: str = field(default="", repr=False)
    """PEM; empty for the system's."""
    sentinels: Sentinels | None = None
    """Who says where it is, instead of host and port."""

    @property
    def said(self) -> str:
        """For people."""
        if self.sentinels:
            return self.sentinels.said
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """Of a connection with TLS. Raises Unusable."""
        if not self.tls:
            return None
        try:
            return ssl.create_default_context(cadata=self.authority or None)
        except (ssl.SSLError, ValueError) as error:
            raise Unusable("the certificate authority cannot be read") from error


def where(store: Store, secrets: Mapping[str, Mapping[str, Any] | None]) -> Where:
    """`secrets` are those that were read, by name; None is one that is not there. Raises Unusable."""
    value = _entry(secrets, store.secret, store.key)
    if store.address:
        host, _, port = store.address.rpartition(":")
        return Where(host, int(port), password=value)
    authority = _entry(secrets, store.ca_secret, store.ca_key) if store.ca_secret else ""
    return _of_url(value.strip(), authority)


def _entry(secrets: Mapping[str, Mapping[str, Any] | None], name: str, key: str) -> str:
    if name not in secrets:
        raise Unusable(f"Secret {name!r} was not read yet")
    found = secrets[name]
    if found is None:
        raise Unusable(f"Secret {name!r} does not exist")
    written = (found.get("data") or {}).get(key)
    if written is None:
        raise Unusable(f"Secret {name!r} has no key {key!r}")
    return base64.b64decode(written).decode(errors="replace")


def _of_url(url: str, authority: str) -> Where:
    try:
        if sentinels.watched(url):
            known = sentinels.read(url)
            return Where("", 0, known.user, known.password, known.database, known.tls, authority, sentinels=known)
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ValueError
        parts.hostname.encode("idna")  # as whoever looks it up does: UnicodeError for what no name can be
        return Where(
            parts.hostname,
            parts.port or names.STORE_PORT,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            int(parts.path.strip("/") or 0),
            parts.scheme == "rediss",
            authority,
        )
    except ValueError:
        # not chained: its text has a part of the URL
        raise Unusable("the URL in the Secret cannot be read; the CacheTier says what it looks like") from None
