"""Requests that wait at the router while their model has no engine: the brain is asked, and answers when Envoy has one.

a route of models that may have none      its requests
---------------------------------------   ---------------------------------------------------------------------
has an engine                             pass by: the filter is off (and not there at all while every route has one)
has none, and a provider beside           pass by: the provider is asked
has none                                  wait: the brain's answer leads them on to the route itself
has none, and the longest wait is over    go on to the route itself all the same, which answers as it does without
                                            an engine

What comes after a request was let go (timeouts, attempts, weights) begins then. The request's body stays here; a client that leaves
takes its question along. A brain that ends is asked anew when it comes back.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/ext_authz_filter
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route
from tidegate.envoy import apis, question
from tidegate.envoy.types import Resource, duration
from tidegate.names import HOLD_HEADER, LET_GO_HEADER

NAME: Final = "hold"
BRAIN: Final = "hold"
"""A cluster of its own: what waits here must not take connections from those who ask for a decision."""
GRACE: Final = 5.0
"""Seconds beyond the longest wait after which a brain that says nothing counts as dead."""
ASKED_AGAIN: Final = 8
"""Times, when the brain ends meanwhile: with the pauses below it has half a minute to come back."""


def patience(config: RouterConfig) -> dict[str, float]:
    """The routes whose requests may wait, and how many seconds; none that has a provider beside, who is always there. One who speaks
    Anthropic's API alone is there for requests of that (routes.py)."""
    providers = {d.name for d in config.destinations if d.provider}
    seconds = {d.name: d.hold.seconds for d in config.destinations if d.hold}
    asked = [apis.others(route, config) if apis.several(route, config) else route for route in config.routes]
    waits = {
        route.name: [seconds.get(t.destination, 0.0) for t in route.targets]
        for route in asked
        if providers.isdisjoint(t.destination for t in route.targets)
    }
    return {name: max(found) for name, found in waits.items() if any(found)}


def services(route: Route, config: RouterConfig) -> frozenset[str]:
    """Of the engines that can answer a route."""
    known = {d.name: d.engine.service for d in config.destinations if d.engine}
    return frozenset(known[target.destination] for target in route.targets if target.destination in known)


def held(config: RouterConfig, answering: Collection[str]) -> frozenset[str]:
    """The routes whose requests wait; `answering` are the Services that have an engine, as far as Envoy knows."""
    may = patience(config)
    return frozenset(r.name for r in config.routes if r.name in may and services(r, config).isdisjoint(answering))


def wait_for_an_engine(config: RouterConfig) -> Resource:
    """The filter; after those that find the route."""
    longest = max(patience(config).values())
    back_off = {"base_interval": duration(0.5), "max_interval": duration(10)}
    service = {
        "authorization_request": {"headers_to_add": [{"key": HOLD_HEADER, "value": "%ROUTE_NAME%"}]},
        "authorization_response": {"allowed_upstream_headers": {"patterns": [{"exact": LET_GO_HEADER}]}},
        "retry_policy": {
            "retry_on": "connect-failure,reset",
            "num_retries": ASKED_AGAIN,
            "retry_back_off": back_off,
        },
    }
    return question.ask(NAME, BRAIN, longest + GRACE, service, clear_route_cache=True)


def nowhere() -> Resource:
    """The virtual host's configuration of the filter."""
    return question.nowhere(NAME)


def here() -> Resource:
    """The configuration of a route whose requests wait."""
    return question.here(NAME)
