"""Asking a store who it is. No password and no URL with one ever leaves this file."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from tidegate import names
from tidegate.api.base import SecretKeyRef
from tidegate.api.cachetier import CacheTier, ExistingStore
from tidegate.cluster.client import Api
from tidegate.contract import sentinels
from tidegate.plan.cache.plan import address
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.samples import StoreCheck

UNREADABLE_URL = (
    "the URL in the Secret cannot be read; it looks like redis://user:password@host:6379/0, "
    "or redis+sentinel://user:password@host:26379,host:26379/group/0, with / # ? and @ of the password percent-encoded"
)
TIMEOUT = 3.0
"""Seconds for connecting and for the answer."""
SCHEMES = ("redis://", "rediss://", *(f"{scheme}://" for scheme in sentinels.SCHEMES))


class Missing(LookupError):
    """A Secret, or its key, is not there; the text says which."""


async def check(api: Api, owner: Manifest) -> StoreCheck:
    """What the tier's store says of itself."""
    tier = CacheTier.model_validate({**owner, "status": None})
    namespace = owner["metadata"]["namespace"]
    try:
        if tier.spec.store and tier.spec.store.existing:
            return await _existing(api, namespace, tier.spec.store.existing)
        ref = SecretKeyRef(name=names.store(tier.metadata.name), key=names.STORE_PASSWORD_KEY)
        password = await _secret(api, namespace, ref)
    except Missing as missing:
        return StoreCheck(missing=str(missing))
    return await _ask(f"redis://{address(owner)}", None, password)


async def _existing(api: Api, namespace: str, store: ExistingStore) -> StoreCheck:
    url = (await _secret(api, namespace, store.url_secret_ref)).strip()
    authority = await _secret(api, namespace, store.ca_secret_ref) if store.ca_secret_ref else None
    if not url.startswith(SCHEMES):
        return StoreCheck(
            error="the URL in the Secret must begin with redis:// or rediss://, or with redis+sentinel:// or rediss+sentinel://"
        )
    scheme = url.partition("://")[0]
    if authority and not scheme.startswith("rediss"):
        return StoreCheck(
            error=f"a certificate authority is for TLS; write {scheme.replace('redis', 'rediss')}:// in the URL, or leave caSecretRef out"
        )
    return await _ask(url, authority, None)


async def _secret(api: Api, namespace: str, ref: SecretKeyRef) -> str:
    found = await api.get(ObjectKey("v1", "Secret", namespace, ref.name))
    if found is None:
        raise Missing(f"Secret {ref.name!r} does not exist; create it with the key {ref.key!r}")
    if ref.key not in found.get("data", {}):
        raise Missing(f"Secret {ref.name!r} has no key {ref.key!r}; add it, or correct the reference")
    return base64.b64decode(found["data"][ref.key]).decode(errors="replace")


async def _ask(url: str, authority: str | None, password: str | None) -> StoreCheck:
    """Connects, greets and asks for the version; errors are told without the URL."""
    options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    if authority:
        options["ssl_ca_data"] = authority
    if password:
        options["password"] = password
    try:
        if sentinels.watched(url):
            return await _watched(sentinels.read(url), options)
        where, store = _address(url), redis.Redis.from_url(url, **options)
    except ValueError:
        return StoreCheck(error=UNREADABLE_URL)
    return await _greet(where, store)


async def _watched(known: sentinels.Sentinels, options: dict[str, Any]) -> StoreCheck:
    """One that Sentinels watch: those that want a password get the store's."""
    login = {"username": known.user or None, "password": known.password or None}
    secure = {**options, "ssl": True} if known.tls else options
    found = StoreCheck()
    for theirs in ({}, login) if known.password else ({},):
        asked = Sentinel(known.hosts, sentinel_kwargs=secure | theirs, db=known.database, **secure, **login)  # type: ignore[no-untyped-call]
        found = await _greet(known.said, asked.master_for(known.group))
        for each in asked.sentinels:
            await each.aclose()
        if not found.error:
            break
    return found


async def _greet(where: str, store: redis.Redis) -> StoreCheck:
    try:
        info = await store.info("server")
        return StoreCheck(where, _server(info), eviction=_eviction(await store.info("memory")))
    except (RedisError, OSError, ValueError) as error:
        return StoreCheck(where, error=f"{where}: {type(error).__name__}")
    finally:
        await store.aclose()


def _address(url: str) -> str:
    """Host and port. Raises ValueError also when what follows the host may be the rest of a password with a bare / or #."""
    parts = urlsplit(url)
    if not parts.hostname or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise ValueError("no host, or characters of a password that are not percent-encoded")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or names.STORE_PORT}"


def _eviction(memory: dict[str, object]) -> str:
    """What is thrown out when memory is full: nothing where it has no bound."""
    return str(memory.get("maxmemory_policy", "")) if memory.get("maxmemory") else "noeviction"


def _server(info: dict[str, object]) -> str:
    """`Valkey 9.1.0` or `Redis 7.0.15`."""
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of unknown version')}"
