"""What the configuration says of each route that has a cache: a pure function of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tidegate.brain.cache.key import identity
from tidegate.contract.cache import Cache, Price
from tidegate.contract.destinations import Destination
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route
from tidegate.envoy import caching


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who may answer a route."""

    destination: str
    backend: str
    revision: str
    identity: str
    price: Price | None
    """Of its tokens, where that is known."""


@dataclass(frozen=True, slots=True)
class Line:
    """One route."""

    route: str
    cache: Cache
    policy: str
    """`namespace/name`"""
    answerers: Mapping[str, Answerer]
    """By destination; those that most requests go to first."""
    together: bool
    """Whether requests wait for each other's answer; not while their model has no engine: they wait for that, each for itself."""


def lines(config: RouterConfig, answering: Collection[str]) -> dict[str, Line]:
    """By route; `answering` are the Services that have engines."""
    known = {destination.name: destination for destination in config.destinations}
    return {route.name: _line(route, cache, config, known, answering) for route, cache in caching.routes(config)}


def _line(
    route: Route,
    cache: Cache,
    config: RouterConfig,
    known: Mapping[str, Destination],
    answering: Collection[str],
) -> Line:
    targets = [known[t.destination] for t in sorted(route.targets, key=lambda t: -t.weight)]
    together = any(d.provider or (d.engine and d.engine.service in answering) for d in targets)
    prices = config.prices or {}
    answerers = {d.name: Answerer(d.name, d.backend, d.revision, identity(d), prices.get(d.backend)) for d in targets}
    return Line(route.name, cache, f"{config.namespace}/{config.policy}", answerers, together)
