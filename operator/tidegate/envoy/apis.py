"""Who can be asked in the API that a request is of. Engines speak both; a provider speaks one, and nothing is translated.

a route's destinations          a request below /v1/messages    another request
-----------------------------   -----------------------------   ---------------------------------------------------------------
none speaks Anthropic's alone   all of them                     all of them
some do                         all of them                     the others; where all targets are gone, the first step of the
                                                                  fallback that is left stands in for them
all do                          all of them                     nobody: 400, which says where to ask

What a provider of OpenAI's API has below /v1/messages is for it to say: some have it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route, Target


def several(route: Route, config: RouterConfig) -> bool:
    """Whether requests of one API are answered by others than those of the other one."""
    return not _named(route).isdisjoint(_anthropic(config))


def variants(route: Route, config: RouterConfig) -> tuple[Route, ...]:
    """The route as each API sees it, Anthropic's first; one where they see the same."""
    return (route, others(route, config)) if several(route, config) else (route,)


def others(route: Route, config: RouterConfig) -> Route:
    """The route of requests that are not of Anthropic's API; without targets where nobody can be asked."""
    gone = _anthropic(config)
    later = route.fallback.steps if route.fallback else ()
    left = [some for step in (route.targets, *later) if (some := _without(step, gone))]
    if not left:
        return route.model_copy(update={"targets": (), "fallback": None})
    fallback = route.fallback and route.fallback.model_copy(update={"steps": tuple(left[1:])})
    return route.model_copy(update={"targets": left[0], "fallback": fallback})


def _without(step: Iterable[Target], gone: Collection[str]) -> tuple[Target, ...]:
    return tuple(target for target in step if target.destination not in gone)


def _named(route: Route) -> set[str]:
    steps = route.fallback.steps if route.fallback else ()
    return {target.destination for step in (route.targets, *steps) for target in step}


def _anthropic(config: RouterConfig) -> frozenset[str]:
    return frozenset(d.name for d in config.destinations if d.anthropic)
