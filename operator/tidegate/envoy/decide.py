"""A question to the brain while a request waits: which route. Only where a route has a decision; every other request passes by,
and does not notice whether the brain lives.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/ext_authz_filter
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Decision
from tidegate.envoy import limiting, question
from tidegate.envoy.limits import LARGEST_BODY
from tidegate.envoy.types import Resource
from tidegate.names import DECIDED_HEADER, MODEL_HEADER

NAME: Final = "decide"
BRAIN: Final = limiting.BRAIN
SOCKET: Final = "decide.sock"
TIMEOUT: Final = 2.0
"""Seconds after which a brain that says nothing counts as dead: the client is told to try again."""


def needed(config: RouterConfig) -> bool:
    """Whether any request needs the brain."""
    return any(route.decision for route in config.routes)


def ask_the_brain(config: RouterConfig) -> Resource:
    """The filter; after the one that finds the model."""
    told = limiting.told(config.limits)
    decided = {"allowed_upstream_headers": {"patterns": [{"exact": DECIDED_HEADER}]}}
    return question.ask(
        NAME,
        BRAIN,
        TIMEOUT,
        {**told, "authorization_response": told.get("authorization_response", {}) | decided},
        allowed_headers=limiting.ASKING if config.limits else {"patterns": [{"exact": MODEL_HEADER}]},
        clear_route_cache=True,
    )


def nowhere() -> Resource:
    """The virtual host's configuration of the filter."""
    return question.nowhere(NAME)


def here(decision: Decision) -> Resource:
    """The configuration of a route that needs a decision."""
    return question.here(NAME, body=LARGEST_BODY if decision.reads_body else 0)
