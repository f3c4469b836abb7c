"""Who is asked for one request, attempt by attempt: a group for each, of which the weights, or the client, choose one.

fallback   targets   retry.attempts   the groups
--------   -------   --------------   -------------------------------------------------------------
none       one       any              the target; Envoy tries it again by itself
none       several   0                the targets
none       several   n                the targets n times, then another target
some       one       n                the target n + 1 times, then each step
some       several   0                the targets, then each step
some       several   n                the targets n times, then another target, then each step

Envoy chooses by the same number in each group. So a client that the first group gives the second target gets it again in the next one;
and in the group of the others, which has the same weights, whoever stands in its place there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.contract.destinations import Destination
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route, Target
from tidegate.envoy import apis
from tidegate.envoy.types import Resource, extension

_END: Final = "end:"
Group = tuple[Target, ...]
_TYPE: Final = "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier"


def groups(route: Route, config: RouterConfig) -> tuple[Group, ...]:
    """The table; the fixed answer at the end, if there is one, is a group of its own."""
    if not route.targets:
        return ()
    attempts, fallback = config.retry.attempts, route.fallback
    several = len(route.targets) > 1 and attempts > 0
    if not several and not fallback:
        return (route.targets,)
    own = (
        (*[route.targets] * attempts, _others(route.targets, config)) if several else (route.targets,) * (attempts + 1)
    )
    if not fallback:
        return own
    end = ((Target(destination=end_of(route), weight=1),),) if fallback.answer else ()
    return (*own, *fallback.steps, *end)


def end_of(route: Route) -> str:
    """The cluster that answers when nobody else does."""
    return f"{_END}{route.name}"


def walked(config: RouterConfig) -> frozenset[str]:
    """The destinations after which another one may be asked: not being there must look like an answer that is tried again."""
    return frozenset(target.destination for steps in _walks(config) for group in steps for target in group)


def followed(config: RouterConfig) -> frozenset[str]:
    """Of these, those after whom another one is asked in every walk: they may be left alone altogether."""
    walks = list(_walks(config))
    last = {t.destination for steps in walks for t in _last(steps)}
    asked = {t.destination for steps in walks for group in steps for t in group}
    return frozenset(name for name in asked - last if not name.startswith(_END))


def _walks(config: RouterConfig) -> Iterator[tuple[Group, ...]]:
    """Of several groups, as requests of each API take them."""
    routes = (variant for route in config.routes for variant in apis.variants(route, config))
    return (steps for route in routes if len(steps := groups(route, config)) > 1)


def _last(steps: Sequence[Group]) -> Group:
    """The last who may answer: what is said at the end is no answer."""
    return next(group for group in reversed(steps) if not group[0].destination.startswith(_END))


def _others(targets: Group, config: RouterConfig) -> Group:
    """For each target another one: a revision of the same backend before any other, and of these the one with the largest weight."""
    known = {destination.name: destination for destination in config.destinations}
    return tuple(Target(destination=_other(t, targets, known).destination, weight=t.weight) for t in targets)


def _other(target: Target, targets: Sequence[Target], known: dict[str, Destination]) -> Target:
    backend = known[target.destination].backend
    others = [each for each in targets if each.destination != target.destination]
    return max(others, key=lambda each: (known[each.destination].backend == backend, each.weight))


def action(walk: Sequence[Group], *, sticky: bool) -> Resource:
    """Of a route: whom it asks."""
    if len(walk) == 1:
        return {"weighted_clusters": {"clusters": _weighted(walk[0], "name"), **_by_client(sticky)}}
    named = [{"name": str(n), "clusters": _weighted(group, "cluster_name")} for n, group in enumerate(walk)]
    plugin = extension("walk", _TYPE, priority_groups=named, **_by_client(sticky))
    return {"inline_cluster_specifier_plugin": {"extension": plugin}}


def _weighted(group: Group, name: str) -> list[Resource]:
    return [{name: target.destination, "weight": target.weight} for target in group]


def _by_client(sticky: bool) -> Resource:
    return {"use_hash_policy": True} if sticky else {}
