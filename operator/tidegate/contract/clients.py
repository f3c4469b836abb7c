"""Who may ask."""

from __future__ import annotations

from tidegate.contract.destinations import SecretEntry
from tidegate.contract.piece import Piece


class ApiKeys(Piece):
    """Clients show a key. A document that says so wants a reader of 3: an earlier one would let everybody in."""

    secrets: tuple[str, ...]
    """Names of the Secrets that hold them."""


class Tokens(Piece):
    """Clients show a token of an issuer (RFC 7519). A document that says so wants a reader of 4."""

    issuer: str
    audiences: tuple[str, ...]
    client_claim: str
    """What in it is the client's id; dots lead into claims."""
    jwks: str = ""
    """The keys that it is signed with (RFC 7517), or, where there are none:"""
    url: str = ""
    """Where they are."""
    ca: SecretEntry | None = None
    """Certificates that `url` is verified with; absent: those that the router's machine trusts."""
