"""The keys that tokens are signed with, as their issuer publishes them: https://www.rfc-editor.org/rfc/rfc7517"""

from __future__ import annotations

import json
from typing import Any, Final

PUBLIC: Final = ("RSA", "EC", "OKP")
"""Kinds of keys that others may know; with the rest who verifies could sign."""


class NoKeys(ValueError):
    """What is wrong with a document."""


def public(text: str) -> str:
    """The public keys of a document, the same for the same. Raises NoKeys."""
    try:
        document = json.loads(text)
        found = [key for key in document["keys"] if isinstance(key, dict) and key.get("kty") in PUBLIC]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NoKeys("it is no JSON Web Key Set") from error
    if not found:
        raise NoKeys("there is no public key in it")
    return json.dumps({"keys": [_without_private(key) for key in found]}, sort_keys=True, separators=(",", ":"))


def _without_private(key: dict[str, Any]) -> dict[str, Any]:
    """What verifies needs no more (RFC 7518 section 6): an issuer that shows its private key by mistake must not have it passed on."""
    return {name: value for name, value in key.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}


def published(text: str) -> bool:
    """Whether a document has keys that count, and tells nothing that nobody may know."""
    try:
        public(text)
    except NoKeys:
        return False
    return all(key == _without_private(key) and key.get("kty") in PUBLIC for key in json.loads(text)["keys"])
