"""A store that Sentinels watch, as its URL says it: redis+sentinel://user:password@host:26379,host:26379/group/0, and rediss+sentinel:// for TLS.

There is no standard of it; this is what most clients have in common. https://valkey.io/topics/sentinel/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
PORT: Final = 26379


@dataclass(frozen=True)
class Sentinels:
    """Who is asked where the store is, and how to get in there."""

    hosts: tuple[tuple[str, int], ...]
    group: str
    """The name under which they know it."""
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: bool = False

    @property
    def said(self) -> str:
        """For people."""
        return f"{self.group} of {', '.join(f'{host}:{port}' for host, port in self.hosts)}"


def watched(url: str) -> bool:
    """Whether it is such a URL."""
    return url.partition("://")[0] in SCHEMES


def read(url: str) -> Sentinels:
    """Raises ValueError, whose text has no part of the URL."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    group, _, database = parts.path.strip("/").partition("/")
    if not group or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise ValueError("no group, or characters of a password that are not percent-encoded")
    try:
        number = int(database or 0)
    except ValueError:
        raise ValueError("no number of a database") from None
    each = tuple(_host(one) for one in hosts.split(","))
    return Sentinels(each, group, unquote(user), unquote(password), number, parts.scheme == SCHEMES[1])


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port or PORT
        host.encode("idna")
    except ValueError:
        host = ""
    if not host:
        raise ValueError("no host of a Sentinel")
    return host, port
