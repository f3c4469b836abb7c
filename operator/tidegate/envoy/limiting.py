"""A question to the brain while a request waits: whether its limits have room. Only where a policy has limits.

route's decision   limits   asked                                         while the brain is away
----------------   ------   -------------------------------------------   ----------------------------------------
none               none     nobody                                        nobody notices
some               any      by the filter of decisions (decide.py), once  503: nobody knows who answers
none               some     by this one, unless the request has an        as the policy says: passes, or 503
                            allowance (native/src/allowance.rs)

The question is a few headers; the body stays here. Who asks, how much and from where is told by what no client can write: dynamic
metadata of the filter `route`, and the connection. What was reserved comes back as metadata too, and goes into the request's record.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/ext_authz_filter
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.limits import Limits
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import question
from tidegate.envoy.types import Resource
from tidegate.names import ALLOWANCE_HEADER, ASK_HEADER, MODEL_HEADER, RESERVED_HEADER

NAME: Final = "limits"
TIMEOUT: Final = 0.5
"""Seconds after which a brain that says nothing counts as away."""
BRAIN: Final = "brain"
ASKED: Final = (
    "%DYNAMIC_METADATA(tidegate:asks)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DYNAMIC_METADATA(tidegate:client)%"
)
"""What brain/decide/asking.py reads."""
_METADATA: Final = "envoy.filters.http.ext_authz"
RESERVED: Final = f"%DYNAMIC_METADATA({_METADATA}:{RESERVED_HEADER})%"
"""For the record of a request that was asked about."""
ALLOWED: Final = "%DYNAMIC_METADATA(tidegate:reserved)%"
"""The same of one that an allowance let pass."""
LEDGER: Final = "allowances"
"""The file in which the native filters write down what was taken of allowances (brain/limits/ledger.py)."""
_UNLESS_ALLOWED: Final = {
    "filter": "tidegate",
    "path": [{"key": "allowed"}],
    "value": {"present_match": True},
    "invert": True,
}
TOLD: Final = {
    "patterns": [
        {"prefix": "x-ratelimit-"},
        {"exact": "retry-after"},
        {"exact": "content-type"},
        {"exact": "x-should-retry"},
    ]
}
"""Of the brain's answer, for the client."""
OURS: Final = tuple(
    f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in ("requests", "tokens")
)
"""Not passed on from an answer: a provider's are of the account whose key it was shown, and a client would read of two limits."""
ASKING: Final = {"patterns": [{"exact": MODEL_HEADER}, {"exact": "x-request-id"}]}
"""Of the request, for the brain."""


def filters(config: RouterConfig) -> list[Resource]:
    """The filter, where it is needed; after the one that finds the model."""
    return [_filter(config.limits)] if config.limits else []


def told(limits: Limits | None) -> Resource:
    """What an ext_authz service is told for limits, and tells of them; nothing where there are none."""
    if not limits:
        return {}
    return {
        "authorization_request": {"headers_to_add": [{"key": ASK_HEADER, "value": ASKED}]},
        "authorization_response": {
            "allowed_client_headers": TOLD,
            "allowed_client_headers_on_success": TOLD,
            # no request carries them: it would be longer than it came
            "dynamic_metadata_from_headers": {"patterns": [{"exact": RESERVED_HEADER}, {"exact": ALLOWANCE_HEADER}]},
        },
    }


def _filter(limits: Limits) -> Resource:
    return question.ask(
        NAME,
        BRAIN,
        TIMEOUT,
        told(limits),
        allowed_headers=ASKING,
        failure_mode_allow=limits.open,
        filter_enabled_metadata=_UNLESS_ALLOWED,
    )


def nowhere(config: RouterConfig) -> Resource:
    """The virtual host's configuration of the filter."""
    return question.nowhere(NAME) if config.limits else {}


def here() -> Resource:
    """The configuration of a route that is asked about."""
    return question.here(NAME)
