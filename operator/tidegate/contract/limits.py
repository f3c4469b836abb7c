"""How much clients may ask for. A document that says so wants a reader of 5: an earlier one would let everybody through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tidegate.contract.piece import Piece


class Override(Piece):
    """Another number for some clients."""

    clients: tuple[str, ...]
    amount: int


class Limit(Piece):
    """So much in every window, for each of those that it tells apart."""

    name: str
    per: Literal["Client", "Address", "Model", "Policy"]
    of: Literal["requests", "tokens"]
    amount: int
    window_seconds: float
    overrides: tuple[Override, ...] = ()


class Store(Piece):
    """Where the routers of a policy count together. Passwords stand in the Secret, never here."""

    secret: str
    key: str
    """Entry of that Secret: a password where there is an address, else a whole URL."""
    address: str = ""
    """`host:port`; empty where the Secret's URL says it."""
    ca_secret: str = ""
    ca_key: str = ""
    """The certificate authority of a store with TLS; empty for the system's."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Those that a router reads for it."""
        return (self.secret, self.ca_secret) if self.ca_secret else (self.secret,)


class Limits(Piece):
    """All of a policy's."""

    each: tuple[Limit, ...]
    open: bool
    """Whether requests pass while nobody is there to count."""
    replicas: int
    """Routers of the policy: what one of them may let through while it counts alone is its part of a limit."""
    lengths: Mapping[str, int] = Field(default_factory=dict)
    """Tokens that a public model takes, prompt and answer together, where that is known."""
    store: Store | None = None
    """Absent where each router counts alone."""
