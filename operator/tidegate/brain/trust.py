"""Who may ask, and what others are asked with: what Secrets and issuers tell, of the configuration that is wanted and of the one that runs.

a Secret of         then
-----------------   -----------------------------------------------------------
clients' keys       keys.py: digests, kept for a brain that comes after this one
providers           providers.py: files that Envoy alone reads
an issuer's CA      jwks.py, which reads the issuer's keys
a store, or of an   limits/keeper.py and cache/keeper.py, and nobody else
  embedding model
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tidegate.brain import keys
from tidegate.brain.jwks import Issuers
from tidegate.brain.keys import Entries
from tidegate.brain.providers import Providers, named_secrets
from tidegate.brain.records.record import Record
from tidegate.brain.xds import Files
from tidegate.contract.clients import Tokens
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.clients import Clients
from tidegate.envoy.providers import Credentials


class Reader(Protocol):
    """Who needs Secrets that nobody else does."""

    def secret_changed(self, name: str, secret: Mapping[str, Any] | None) -> None:
        """None when it is not there."""

    def secret_forgotten(self, name: str) -> None:
        """Its watch has ended."""


class Trust:
    """Of one router; `readers` are told the Secrets of stores."""

    def __init__(self, files: Files, readers: Sequence[Reader], news: Callable[[], None]) -> None:
        self._files, self._readers, self._news = files, readers, news
        self._configs: tuple[RouterConfig, ...] = ()
        self._entries: dict[str, Entries] = {}
        self._providers = Providers(files)
        self.issuers = Issuers(self._issuers_changed, self._authorities)
        self.issuers.restore(files.issuers())

    def restore(self, running: RouterConfig) -> None:
        """What an earlier brain knew of the configuration that runs."""
        self.follow(running)
        self._entries = keys.read(self._files.keys(), self.named())

    def follow(self, *configs: RouterConfig | None) -> None:
        """Those whose Secrets and issuers count from now on."""
        self._configs = tuple(config for config in configs if config)
        self.issuers.name(*(config.tokens for config in self._configs))

    def named(self) -> frozenset[str]:
        """The Secrets that are needed."""
        return self._of_others() | self._of_stores()

    def changed(self, name: str, secret: Mapping[str, Any] | None) -> None:
        """The watch of a Secret; None when it is not there."""
        stores = self._of_stores()
        if name in stores:
            for reader in self._readers:
                reader.secret_changed(name, secret)
        if name not in stores or name in self._of_others():
            self._entries[name] = keys.entries(name, secret)
            self._files.remember_keys(keys.written(self._entries))
            self._providers.changed(name, secret)
            self._news()

    def forgotten(self, name: str) -> None:
        """Its watch has ended: what it said may be wrong when it is named again."""
        self._entries.pop(name, None)
        self._providers.forgotten(name)
        for reader in self._readers:
            reader.secret_forgotten(name)

    def clients(self, config: RouterConfig) -> Clients:
        """Who may ask."""
        if config.tokens:
            jwks = self.issuers.keys(config.tokens)
            return Clients(unread=not jwks, jwks=jwks)
        return self._of_keys(config)[0]

    def credentials(self, config: RouterConfig) -> Credentials:
        """What providers are asked with."""
        return self._providers.credentials(config)

    def unread(self, config: RouterConfig) -> bool:
        """Whether there may be more than is known."""
        return self.clients(config).unread or self._providers.unread(config)

    def heard(self, record: Record) -> None:
        """A request has ended."""
        self._providers.heard(record)

    def of_clients(self, config: RouterConfig) -> tuple[str, ...]:
        """Sentences about what lets somebody, or nobody, in."""
        if config.tokens:
            wrong = self.issuers.problem(config.tokens)
            return (wrong,) if wrong else ()
        return self._of_keys(config)[1]

    def of_providers(self, config: RouterConfig) -> tuple[str, ...]:
        """Sentences about providers that get no request."""
        return self._providers.problems(config)

    def _of_others(self) -> frozenset[str]:
        """Secrets that are not of stores."""
        clients = frozenset(name for config in self._configs if config.api_keys for name in config.api_keys.secrets)
        authorities = {config.tokens.ca.secret for config in self._configs if config.tokens and config.tokens.ca}
        return clients.union(authorities, *map(named_secrets, self._configs))

    def _of_stores(self) -> frozenset[str]:
        limits = (config.limits.store for config in self._configs if config.limits)
        caches = [cache for config in self._configs for cache in config.caches or ()]
        stores = frozenset(name for store in (*limits, *(c.store for c in caches)) if store for name in store.secrets)
        return stores | {
            c.semantic.endpoint.key.secret
            for c in caches
            if c.semantic and c.semantic.endpoint and c.semantic.endpoint.key
        }

    def _of_keys(self, config: RouterConfig) -> tuple[Clients, tuple[str, ...]]:
        return keys.together(config.api_keys.secrets if config.api_keys else (), self._entries)

    def _issuers_changed(self) -> None:
        self._files.remember_issuers(self.issuers.written())
        self._news()

    def _authorities(self, tokens: Tokens) -> bytes | None:
        return self._providers.value(tokens.ca) if tokens.ca else b""
