"""A question to the brain while a request waits: which route. Only where a route has a decision; every other request passes by,
and does not notice whether the brain lives.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/ext_authz_filter
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Decision
from tidegate.envoy import limiting
from tidegate.envoy.limits import LARGEST_BODY
from tidegate.envoy.types import Resource, duration, extension, typed
from tidegate.names import DECIDED_HEADER, MODEL_HEADER

NAME: Final = "decide"
BRAIN: Final = limiting.BRAIN
SOCKET: Final = "decide.sock"
TIMEOUT: Final = 2.0
"""Seconds after which a brain that says nothing counts as dead: the client is told to try again."""
_TYPE: Final = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"


def needed(config: RouterConfig) -> bool:
    """Whether any request needs the brain."""
    return any(route.decision for route in config.routes)


def ask_the_brain(config: RouterConfig) -> Resource:
    """The filter; after the one that finds the model."""
    told = limiting.question(config.limits)
    decided = {"allowed_upstream_headers": {"patterns": [{"exact": DECIDED_HEADER}]}}
    return extension(
        NAME,
        _TYPE,
        http_service={
            "server_uri": {"uri": "http://brain", "cluster": BRAIN, "timeout": duration(TIMEOUT)},
            **told,
            "authorization_response": told.get("authorization_response", {}) | decided,
        },
        allowed_headers=limiting.ASKING if config.limits else {"patterns": [{"exact": MODEL_HEADER}]},
        clear_route_cache=True,
        status_on_error={"code": "ServiceUnavailable"},
    )


def nowhere() -> Resource:
    """The virtual host's configuration of the filter."""
    return {NAME: typed(f"{_TYPE}PerRoute", disabled=True)}


def here(decision: Decision) -> Resource:
    """The configuration of a route that needs a decision."""
    body = {"max_request_bytes": LARGEST_BODY, "pack_as_bytes": True}
    settings = {"with_request_body": body} if decision.reads_body else {"disable_request_body_buffering": True}
    return {NAME: typed(f"{_TYPE}PerRoute", check_settings=settings)}
