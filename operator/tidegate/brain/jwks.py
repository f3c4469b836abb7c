"""The keys that an issuer signs its tokens with, read from where it publishes them.

the answer                                       then
----------------------------------------------   ------------------------------------------------------------
a JWKS with a public key in it                   its public keys count; again in REFRESH seconds
anything else, or none                           those of before count, of an earlier brain of the Pod too; told;
                                                   again in AGAIN seconds

A key that is no public one (`oct`: who verifies could sign) does not count. https://www.rfc-editor.org/rfc/rfc7517
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from tidegate.brain.authorities import context
from tidegate.contract.clients import Tokens
from tidegate.contract.jwks import NoKeys, public

REFRESH: Final = 60.0
AGAIN: Final = 5.0
TIMEOUT: Final = 5.0
"""Seconds for the whole of a document."""
LARGEST: Final = 1 << 18
"""Bytes of a document."""
Fetch = Callable[[str, bytes], Awaitable[str]]
"""From a URL, and certificates in PEM or nothing for the machine's, to what stands there. Raises httpx.HTTPError or NoKeys."""


async def fetch(url: str, authorities: bytes) -> str:
    """Over the network. Raises httpx.HTTPError or NoKeys."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _whole(url, authorities)
    except TimeoutError as error:
        raise NoKeys(f"it took longer than {TIMEOUT:g} s") from error


async def _whole(url: str, authorities: bytes) -> str:
    async with (
        httpx.AsyncClient(timeout=TIMEOUT, verify=context(authorities), trust_env=True) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as answer,
    ):
        answer.raise_for_status()
        found = bytearray()
        async for piece in answer.aiter_bytes():
            found += piece
            if len(found) > LARGEST:
                raise NoKeys(f"it is larger than {LARGEST} bytes")
    return found.decode("utf-8", "replace")


class Issuers:
    """The keys of issuers whose tokens are shown here."""

    def __init__(self, changed: Callable[[], None], authorities: Callable[[Tokens], bytes | None]) -> None:
        """`authorities`: certificates that a URL is verified with, nothing for the machine's, None while they are not there."""
        self._changed, self._authorities = changed, authorities
        self._known: dict[str, str] = {}
        self._wrong: dict[str, str] = {}
        self._named: dict[str, Tokens] = {}
        self._told = asyncio.Event()

    def restore(self, text: str) -> None:
        """What an earlier brain knew."""
        try:
            found = json.loads(text or "{}")
        except ValueError:
            return
        if isinstance(found, dict):
            self._known = {url: keys for url, keys in found.items() if isinstance(keys, str)}

    def written(self) -> str:
        """For a brain that comes after this one."""
        return json.dumps(self._known)

    def name(self, *wanted: Tokens | None) -> None:
        """These are read from now on."""
        named = {tokens.url: tokens for tokens in wanted if tokens and tokens.url}
        if named != self._named:
            self._named = named
            self._told.set()

    def keys(self, wanted: Tokens) -> str:
        """The public keys of an issuer; empty while they are unknown."""
        if not wanted.url:
            try:
                return public(wanted.jwks)
            except NoKeys:
                return ""
        return self._known.get(wanted.url, "")

    def problem(self, wanted: Tokens) -> str:
        """What is the matter, in a sentence."""
        if wanted.url:
            wrong = self._wrong.get(wanted.url, "" if wanted.url in self._known else "it was not read yet")
            return f"auth.jwt.jwks.url {wanted.url}: {wrong}" if wrong else ""
        try:
            public(wanted.jwks)
        except NoKeys as error:
            return f"auth.jwt.jwks.inline: {error}"
        return ""

    async def run(self, ask: Fetch = fetch) -> None:
        """Never returns."""
        while True:
            self._told.clear()
            for tokens in tuple(self._named.values()):
                await self._read(tokens, ask)
            pause = AGAIN if any(self._wrong.get(url) for url in self._named) else REFRESH
            try:
                await asyncio.wait_for(self._told.wait(), pause)
            except TimeoutError:
                continue

    async def _read(self, tokens: Tokens, ask: Fetch) -> None:
        before = self._known.get(tokens.url), self._wrong.get(tokens.url)
        authorities = self._authorities(tokens)
        try:
            if authorities is None:
                raise NoKeys("the certificates of caSecretRef are not there")
            self._known[tokens.url] = public(await ask(tokens.url, authorities))
            self._wrong.pop(tokens.url, None)
        except (httpx.HTTPError, httpx.InvalidURL, NoKeys, ssl.SSLError, ValueError) as error:
            self._wrong[tokens.url] = f"{error}" or type(error).__name__
        if before != (self._known.get(tokens.url), self._wrong.get(tokens.url)):
            self._changed()
