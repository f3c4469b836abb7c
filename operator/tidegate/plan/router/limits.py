"""A policy's limits for its routers, and whether these count together.

storeRef   the CacheTier         the routers                 then LimitsShared is
--------   -------------------   -------------------------   ---------------------------------------------------------
absent     -                     one                         True
absent     -                     several                     False: each counts alone
given      does not exist, or    any                         False, and ResolvedRefs too: each counts alone
           has no store
given      throws keys out       any                         False: a count that is gone lets a client begin afresh
given      another one           one says that it is away    False: each lets through its part of the limits
given      another one           others                      True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.api.limits import Limit
from tidegate.api.routingpolicy import Route, RoutingPolicy
from tidegate.api.values import seconds
from tidegate.contract import limits as contract
from tidegate.plan import conditions
from tidegate.plan.kube.reading import integer, text
from tidegate.plan.plan import Manifest
from tidegate.plan.router import tiers as known_tiers
from tidegate.plan.router.facts import RouterFacts

KEEPS: Final = "noeviction"


def limits(
    policy: RoutingPolicy, models: Mapping[str, Manifest], tiers: Mapping[str, Manifest]
) -> contract.Limits | None:
    """What the routers are told; None where the policy has none."""
    spec = policy.spec
    if not spec.limits:
        return None
    known = {
        model: length for route in spec.routes if (length := _length(policy, route, models)) for model in route.models
    }
    return contract.Limits(
        each=tuple(_limit(one) for one in spec.limits),
        open=spec.limits_unavailable == "Allow",
        replicas=spec.router.replicas,
        lengths=known,
        store=_store(policy, tiers),
    )


def _limit(one: Limit) -> contract.Limit:
    overrides = tuple(contract.Override(clients=tuple(o.clients), amount=o.amount) for o in one.overrides)
    return contract.Limit(
        name=one.name,
        per=one.per,
        of="requests" if one.requests else "tokens",
        amount=one.amount,
        window_seconds=seconds(one.window),
        overrides=overrides,
    )


def _length(policy: RoutingPolicy, route: Route, models: Mapping[str, Manifest]) -> int:
    """Tokens that every backend of a route takes, the longest of them; 0 where one does not say."""
    named = {backend.name: backend.model for backend in policy.spec.backends}
    found = [models.get(named[entry.name], {}).get("spec", {}).get("engine") for entry in route.to.backends]
    lengths = [integer(engine, "maxModelLen") for engine in found]
    return max(lengths) if all(lengths) else 0


def _store(policy: RoutingPolicy, tiers: Mapping[str, Manifest]) -> contract.Store | None:
    tier = known_tiers.read(policy.spec.store_ref.name, tiers) if policy.spec.store_ref else None
    return known_tiers.store(tier) if tier else None


def limits_shared(
    policy: RoutingPolicy, facts: RouterFacts, tiers: Mapping[str, Manifest], replicas: int
) -> list[dict[str, str]]:
    """The condition, of a policy that has limits; `replicas` are the routers that there may be."""
    if not policy.spec.limits:
        return []
    if why := _apart(policy, facts, tiers, replicas):
        return [conditions.condition(conditions.LIMITS_SHARED, False, *why)]
    return [conditions.condition(conditions.LIMITS_SHARED, True, conditions.AS_SPECIFIED, "")]


def _apart(
    policy: RoutingPolicy, facts: RouterFacts, tiers: Mapping[str, Manifest], replicas: int
) -> tuple[str, str] | None:
    """A reason, and what it means."""
    ref = policy.spec.store_ref
    alone = (
        f"each of {replicas} routers counts alone, so that together they let through up to {replicas} times each limit"
    )
    if not ref:
        return (conditions.PER_REPLICA, f"{alone}; name a CacheTier in storeRef") if replicas > 1 else None
    if missing := known_tiers.without_store(policy, tiers):
        return conditions.STORE_MISSING, f"{missing}; meanwhile {alone}"
    policy_of_store = text(tiers[ref.name].get("status"), "evictionPolicy") or KEEPS
    if policy_of_store != KEEPS:
        return conditions.STORE_EVICTS, (
            f"the store of CacheTier {ref.name!r} throws keys out when its memory is full ({policy_of_store}), counts of limits too, and "
            f"a client whose count is gone begins afresh; set its maxmemory-policy to {KEEPS}, or use a store of its own for limits"
        )
    told = [f"router {pod}: {sentence}" for pod, report in facts.reports.items() for sentence in report.limits]
    return (conditions.STORE_UNREACHABLE, conditions.listed(told)) if told else None
