"""Clients that show a token of an issuer: Envoy verifies it, and tells the native filter whose it is. Tokens are taken from headers alone,
never from the address, which ends in logs.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/jwt_authn_filter
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.clients import Tokens
from tidegate.envoy.clients import OPEN
from tidegate.envoy.types import Resource, extension
from tidegate.names import CLIENT_HEADER

NAME: Final = "tokens"
SHOWN: Final = ({"name": "authorization", "value_prefix": "Bearer "}, {"name": "x-api-key"})
HEADERS: Final = tuple(shown["name"] for shown in SHOWN)
SKEW: Final = 60
"""Seconds that clocks may differ."""


def verify(wanted: Tokens, jwks: str) -> Resource:
    """The filter, before the one that knows the client; `jwks` are the keys that tokens are signed with."""
    provider = {
        "issuer": wanted.issuer,
        "audiences": list(wanted.audiences),
        "local_jwks": {"inline_string": jwks},
        "from_headers": list(SHOWN),
        "claim_to_headers": [{"header_name": CLIENT_HEADER, "claim_name": wanted.client_claim}],
        "clock_skew_seconds": SKEW,
        "require_expiration": True,
    }
    return extension(
        NAME,
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers={NAME: provider},
        rules=[
            *({"match": {"path": path}} for path in OPEN),
            {"match": {"prefix": "/"}, "requires": {"provider_name": NAME}},
        ],
        bypass_cors_preflight=True,
    )
