"""What is decided about a request: a pure function of the request, the configuration that Envoy runs, and the engines.

the route of the model                  then
-------------------------------------   --------------------------------------------------------------
has no decision, or is unknown          503: Envoy runs another configuration for a moment
one of the named routes can be          the first of them
  answered by an engine
none of them can                        the first of them, whose 503 says so
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Decision, Route

NO_HEADERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class Ask(NamedTuple):
    """A request that waits: a tuple, because a frozen dataclass takes four times as long to make."""

    model: str
    """The public name that it asks for."""
    body: bytes
    """Empty where the route's decision does not read it."""
    route: str = ""
    """On which it waits for an engine, in the routes that Envoy had when it came."""
    hold: bool = False
    """Whether it asks for an engine, and not for a route."""
    asks: str = ""
    """What limits need (envoy/limiting.py); empty where the policy has none."""
    path: str = ""
    request: str = ""
    """Its own name."""
    cache: str = ""
    """Its route and client, where it asks for an answer that is kept (envoy/caching.py)."""
    headers: Mapping[bytes, bytes] = NO_HEADERS
    """Of a request that asks for such an answer: how it wants to be treated."""


def choices(config: RouterConfig, answering: Collection[str]) -> dict[str, str]:
    """The route of every public model that needs a decision; `answering` are the destinations that have an engine."""
    routes = {route.name: route for route in config.routes}
    return {
        model: _chosen(route.decision, routes, answering)
        for route in config.routes
        if route.decision
        for model in route.models
    }


def _chosen(decision: Decision, routes: Mapping[str, Route], answering: Collection[str]) -> str:
    can = (name for name in decision.among if name in routes and _answered(routes[name], answering))
    return next(can, decision.among[0])


def _answered(route: Route, answering: Collection[str]) -> bool:
    return any(target.destination in answering for target in route.targets)
