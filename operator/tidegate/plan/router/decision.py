"""What one pass decides about a policy, before it becomes objects and a status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from tidegate.api.identity import normal
from tidegate.api.router import Router
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.api.values import MEBI
from tidegate.contract.destinations import Destination
from tidegate.contract.router_config import RouterConfig, UnreadableConfig, load
from tidegate.names import short_hash
from tidegate.plan.containers import collector
from tidegate.plan.kube.difference import differences
from tidegate.plan.plan import Manifest
from tidegate.plan.router import workload
from tidegate.plan.router.beside import own_traffic
from tidegate.plan.router.caches import caches, room, with_caches
from tidegate.plan.router.document import KNOWS_KEYS, KNOWS_TOKENS, closed, document
from tidegate.plan.router.facts import RouterFacts
from tidegate.plan.router.limits import limits
from tidegate.plan.router.scaling import Scaled, scaled
from tidegate.plan.router.tiers import without_tier
from tidegate.plan.router.traffic import Traffic, traffic
from tidegate.plan.world import RouterWorld


@dataclass(frozen=True)
class RouterDecision:
    """What the routers should run, and in what Pods."""

    policy: RoutingPolicy
    traffic: Traffic
    config: RouterConfig
    hash: str
    """Of the configuration."""
    held: str
    """Why the routers are not told the newest configuration; empty when they are."""
    closed: bool
    """Whether they are told one that answers nobody instead, because they would let in whoever asks."""
    revision: str
    """Of the Pods' template."""
    data: Manifest
    """What that revision's ControllerRevision keeps, or will keep."""
    update: tuple[str, ...]
    """Paths in which the routers' Pods would be rendered differently today."""
    scaled: Scaled
    """How many there are."""


def decide(world: RouterWorld, policy: RoutingPolicy, facts: RouterFacts) -> RouterDecision:
    """The configuration is made anew each time; the template is the one that is kept."""
    shares = traffic(policy, world.models, _told(facts))
    if policy.spec.router.sidecar:
        shares = own_traffic(world, policy, shares)
    kept = caches(policy, world.tiers)
    newest = with_caches(document(policy, shares, limits(policy, world.models, world.tiers)), policy, kept)
    config, held = _readable(newest, facts)
    needed = memory(policy, world.tiers, facts)
    revision = template_revision(world.owner, policy, facts, needed)
    fresh = workload.rendered(policy, world.defaults, needed)
    data = facts.records[revision]["data"] if revision in facts.records else fresh
    update = tuple(differences(data, fresh))
    closes, count = _closes(newest, facts, held), scaled(world, policy, facts)
    return RouterDecision(policy, shares, config, config.hash(), held, closes, revision, data, update, count)


def _told(facts: RouterFacts) -> tuple[Destination, ...]:
    """The destinations that the routers know at present."""
    try:
        return load(facts.written).destinations if facts.written else ()
    except UnreadableConfig:
        return ()


def _closes(newest: RouterConfig, facts: RouterFacts, held: str) -> bool:
    return bool(held) and _would_let_in(newest, facts)


def _would_let_in(newest: RouterConfig, facts: RouterFacts) -> bool:
    """Whether routers know no clients of this kind, where only clients may ask."""
    known = KNOWS_TOKENS if newest.tokens else KNOWS_KEYS
    return newest.clients and facts.reads < known


def _readable(newest: RouterConfig, facts: RouterFacts) -> tuple[RouterConfig, str]:
    """What routers are told: no document that one of them would misread. One that is held back leaves in force what they have, but
    for one with keys: those who do not know them answer nobody meanwhile."""
    if newest.min_reader <= facts.reads or not facts.written:
        return newest, ""
    try:
        known = load(facts.written)
    except UnreadableConfig:
        return newest, ""
    meanwhile = (
        "they answer 503, because they would let everybody in"
        if _would_let_in(newest, facts)
        else "they go on with the one that they have"
    )
    return closed(newest) if _would_let_in(newest, facts) else known, (
        f"the configuration needs routers that read {newest.min_reader}, and these read {facts.reads}: {meanwhile}. "
        "Change spec.router, of which an annotation in podMetadata is enough, to get newer ones"
    )


def memory(policy: RoutingPolicy, tiers: Mapping[str, Manifest], facts: RouterFacts) -> int:
    """Mebibytes that a brain needs for its caches: what its Pods have is enough while a tier is away, whose return rolls nothing then."""
    needed = ceil(room(caches(policy, tiers)) / MEBI)
    return max(needed, workload.cache_memory(facts.deployment)) if without_tier(policy, tiers) else needed


def template_revision(owner: Manifest, policy: RoutingPolicy, facts: RouterFacts, cache_memory: int = 0) -> str:
    """The revision of the routers' template: a hash of what shapes their Pods, or that of how it is written where an operator
    before 0.2, which knew no collectors, has kept a template under that."""
    traces = collector(policy)
    beside = {"collector": traces, "cacheMemory": cache_memory}
    meaning = _hash(normal(policy.spec.router) | {name: value for name, value in beside.items() if value})
    written = {k: v for k, v in owner["spec"].get("router", {}).items() if k not in Router.beside_pods}
    spelling = _hash(written)
    kept = not any(beside.values()) and spelling in facts.records and meaning not in facts.records
    return spelling if kept else meaning


def _hash(shape: dict[str, object]) -> str:
    return short_hash(json.dumps(shape, sort_keys=True, separators=(",", ":")))
