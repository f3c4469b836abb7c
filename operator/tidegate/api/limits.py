"""How much the clients of a RoutingPolicy may ask for."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api import bounds
from tidegate.api.base import SET, Name, Part, Rule
from tidegate.api.values import Duration, seconds

LONGEST: Final = 30 * 24 * 3600
"""Seconds of a window."""
Amount = Annotated[int, Field(ge=1, le=1_000_000_000_000)]
ClientId = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[!-~]+$")]
_WINDOW: Final = "window must be between 1s and 720h, for example 1m, 1h or 24h"
_ONE: Final = "write exactly one of requests or tokens; for both write two limits"


class Override(Part):
    """Another number for some clients, in place of the limit's own."""

    clients: Annotated[list[ClientId], Field(min_length=1, max_length=bounds.OVERRIDE_CLIENTS, json_schema_extra=SET)]
    """Ids of clients: the names of entries in the Secrets of `auth.apiKeys`, or what `auth.jwt.clientClaim` says."""
    requests: Amount | None = None
    """Of a limit of requests."""
    tokens: Amount | None = None
    """Of a limit of tokens."""

    @property
    def amount(self) -> int:
        """Whichever it is."""
        return self.requests or self.tokens or 0

    rules: ClassVar = (
        Rule("has(self.requests) != has(self.tokens)", _ONE, lambda o: (o.requests is None) != (o.tokens is None)),
    )


class Limit(Part):
    """So many requests or tokens in any window of time. What comes above it is answered with 429, `retry-after` and `x-ratelimit-*`."""

    name: Name
    """Name of the limit, in answers and in metrics."""
    per: Literal["Client", "Address", "Model", "Policy"]
    """Who has a count of his own: each client of `auth.apiKeys` or `auth.jwt`, each address that connects to the router (of IPv6 each /64), each
    public model, or the policy as a whole."""
    requests: Amount | None = None
    """Requests in a window; those that an engine fails count too."""
    tokens: Amount | None = None
    """Tokens in a window, of prompts and answers together: reserved when a request comes, and settled when it ends."""
    window: Duration
    """The length of the window, which moves with the clock: `1s` to `720h`. At no time were there more in the last window than the limit
    says; what is used comes back up to a thirtieth of the window late."""
    overrides: Annotated[list[Override], Field(max_length=bounds.OVERRIDES)] = []
    """Clients with other numbers; of limits per Client."""

    @property
    def amount(self) -> int:
        """Requests or tokens."""
        return self.requests or self.tokens or 0

    rules: ClassVar = (
        Rule(
            "has(self.requests) != has(self.tokens)", _ONE, lambda one: (one.requests is None) != (one.tokens is None)
        ),
        Rule(
            "duration(self.window) >= duration('1s') && duration(self.window) <= duration('720h')",
            _WINDOW,
            lambda one: 1 <= seconds(one.window) <= LONGEST,
            ".window",
        ),
        Rule(
            "!has(self.overrides) || self.overrides.size() == 0 || self.per == 'Client'",
            "overrides are for clients; write per: Client, or leave them out",
            lambda one: not one.overrides or one.per == "Client",
            ".overrides",
        ),
        Rule(
            "!has(self.overrides) || self.overrides.all(o, has(o.requests) == has(self.requests))",
            "an override counts what its limit counts: requests or tokens, as the limit does",
            lambda one: all((o.requests is None) == (one.requests is None) for o in one.overrides),
            ".overrides",
        ),
        Rule(
            "!has(self.overrides) || self.overrides.all(o, o.clients.all(c, self.overrides.exists_one(p, c in p.clients)))",
            "a client may stand in one override of a limit only; remove it from the others",
            lambda one: max(Counter(c for o in one.overrides for c in set(o.clients)).values(), default=0) <= 1,
            ".overrides",
        ),
    )
