"""What providers are asked with: keys and certificates, from Secrets to files that Envoy alone reads. A key is in no message.

an entry                                           then
------------------------------------------------   ------------------------------------------------------------
a key: 1 to 4096 printable ASCII characters, no    the providers that name it are asked with it; one line end
  spaces                                             behind it does not count
USER:PASSWORD of a proxy                           the providers behind it are asked through it
certificates in PEM of which OpenSSL can read      providers are verified with them
  each
anything else, or not there                        the providers that name it get no request, and that is told
of a Secret that was not read yet                  as before, when an earlier brain of the Pod has read it; else
                                                     the providers get no request
"""

from __future__ import annotations

import base64
import binascii
import logging
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidegate.brain import keys
from tidegate.brain.authorities import machines
from tidegate.brain.records.record import Record
from tidegate.brain.xds import Files
from tidegate.contract.destinations import Destination, External, SecretEntry
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.providers import Credentials, named

log = logging.getLogger("tidegate.brain")

Values = Mapping[str, bytes]
"""Entries of a Secret."""
_MACHINE: Final = "machine"


TOO_MANY: Final = 429
"""The first status that says nothing about a key, as those of 5xx."""


class Unusable(ValueError):
    """What is wrong with an entry."""


def key(value: bytes) -> bytes:
    """As it is shown. Raises Unusable."""
    found = keys.shown(value)
    if wrong := keys.flaw(found):
        raise Unusable(wrong)
    return found


def certificates(value: bytes) -> bytes:
    """As they are. Raises Unusable."""
    try:
        ssl.create_default_context(cadata=value.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise Unusable("has no certificates in PEM") from error
    return value


def basic(value: bytes) -> bytes:
    """What a proxy is shown of `USER:PASSWORD` (RFC 7617). Raises Unusable."""
    found = keys.shown(value)
    if not found.isascii() or not found.decode().isprintable() or b":" not in found[1:]:
        raise Unusable("is not USER:PASSWORD in printable ASCII")
    return b"Basic " + base64.b64encode(found)


def read(secret: Mapping[str, Any] | None) -> Values | None:
    """The entries of a Secret; None of one that is not there. An entry that is no base64, which no API server lets in, is empty."""
    if secret is None:
        return None
    return {name: _decoded(value) for name, value in (secret.get("data") or {}).items()}


def _decoded(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "")
    except binascii.Error:
        return b""


def providers(config: RouterConfig) -> list[tuple[Destination, External]]:
    """Those of a configuration."""
    return [(d, d.provider) for d in config.destinations if d.provider]


def named_secrets(config: RouterConfig) -> frozenset[str]:
    """The Secrets that they need."""
    return frozenset(entry.secret for _, provider in providers(config) for entry in _entries(provider))


def _entries(provider: External) -> list[SecretEntry]:
    return [entry for entry in (provider.key, provider.ca, _through(provider)) if entry]


def _through(provider: External) -> SecretEntry | None:
    """What the proxy before it is shown."""
    return provider.proxy.credentials if provider.proxy else None


class Providers:
    """What this brain knows of their Secrets."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[str, Values | None] = {}
        self._machines = ""
        self._refused: set[str] = set()
        """Destinations of providers that did not take what they were shown, when they were asked last."""

    def changed(self, name: str, secret: Mapping[str, Any] | None) -> None:
        """A Secret was read, or is not there. Another key may be taken."""
        said = read(secret)
        if self._known.get(name) != said:
            self._refused.clear()
        self._known[name] = said

    def forgotten(self, name: str) -> None:
        """It is not watched any more."""
        self._known.pop(name, None)

    def heard(self, record: Record) -> None:
        """What became of a request."""
        if record.refused and record.refused not in self._refused:
            self._refused.add(record.refused)
            log.warning("the provider of backend %r answers 401: it does not take what it is shown", record.refused)
        elif record.of_engine and record.status < TOO_MANY and record.destination != record.refused:
            self._refused.discard(record.destination)

    def unread(self, config: RouterConfig) -> bool:
        """Whether there may be more than is known."""
        return not named_secrets(config) <= self._known.keys()

    def problems(self, config: RouterConfig) -> tuple[str, ...]:
        """Sentences about entries for which a provider gets no request, each once."""
        found = (
            (entry, self._wrong(provider, entry)) for _, provider in providers(config) for entry in _entries(provider)
        )
        sentences = (*(self._sentence(entry, wrong) for entry, wrong in found if wrong), *self._turned_away(config))
        return tuple(dict.fromkeys(sentences))

    def _turned_away(self, config: RouterConfig) -> Iterator[str]:
        for destination, provider in providers(config):
            if destination.name in self._refused:
                shown = f"entry {provider.key.entry!r} of Secret {provider.key.secret!r}" if provider.key else "no key"
                yield f"backend {destination.backend!r}: the provider answers 401 to {shown}"

    def _sentence(self, entry: SecretEntry, wrong: str) -> str:
        if self._known[entry.secret] is None:
            return f"Secret {entry.secret!r} does not exist"
        return f"Secret {entry.secret!r}: entry {entry.entry!r} {wrong}"

    def credentials(self, config: RouterConfig) -> Credentials:
        """What Envoy may be told of; the files that are named in it are there then."""
        missing = frozenset(d.name for d, provider in providers(config) if not self._handed_over(provider))
        authorities = {d.name: self._authorities(p.ca) for d, p in providers(config) if p.ca and d.name not in missing}
        if any(provider.tls and not provider.ca for _, provider in providers(config)):
            self._machines = self._machines or self._files.certificates(_MACHINE, machines())
            authorities[""] = self._machines
        return Credentials(missing, authorities)

    def value(self, entry: SecretEntry) -> bytes | None:
        """An entry as it is; None while it is not there."""
        return (self._known.get(entry.secret) or {}).get(entry.entry)

    def _handed_over(self, provider: External) -> bool:
        """Whether Envoy has, or had of an earlier brain, everything that the provider is asked with."""
        if provider.key and self._wrong(provider, provider.key):
            self._files.forget_key(provider.key)
        through = _through(provider)
        if through and self._wrong(provider, through):
            self._files.forget_proxy(through)
        if any(self._wrong(provider, entry) for entry in _entries(provider)):
            return False
        unread = [entry for entry in _entries(provider) if entry.secret not in self._known]
        if provider.key and provider.key not in unread:
            self._files.key(provider.key, key(self._value(provider.key)))
        if through and through not in unread:
            self._files.proxy(through, basic(self._value(through)))
        return all(self._files.has(entry) for entry in unread)

    def _authorities(self, entry: SecretEntry) -> str:
        known = entry.secret in self._known
        return self._files.certificates(named(entry), self._value(entry)) if known else self._files.has(entry)

    def _value(self, entry: SecretEntry) -> bytes:
        return (self._known.get(entry.secret) or {}).get(entry.entry, b"")

    def _wrong(self, provider: External, entry: SecretEntry) -> str:
        """What is the matter with an entry; nothing with one that was not read yet."""
        if entry.secret not in self._known:
            return ""
        there = self._known[entry.secret]
        if there is None or entry.entry not in there:
            return "does not exist"
        try:
            check = key if entry == provider.key else basic if entry == _through(provider) else certificates
            check(there[entry.entry])
        except Unusable as wrong:
            return str(wrong)
        return ""
