"""The caches of a policy's routes for its routers: what they are told, and the memory that their brains need for it.

routes[].cache names a tier that            then
-----------------------------------------   ----------------------------------------------------------------
does not exist, or cannot be read           the route has no cache: an engine is asked each time
keeps nothing                               the same
shares by client, and auth is anonymous     the same: nobody is told apart from anybody
any other                                   the route has it; without `semantic` where its judge is none
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Final

from tidegate.api import caching as api
from tidegate.api.cachetier import CacheTier
from tidegate.api.price import Price
from tidegate.api.routingpolicy import Backend, Route, RoutingPolicy
from tidegate.api.values import MEBI, amount, fraction, seconds
from tidegate.contract import cache as contract
from tidegate.contract.destinations import SecretEntry
from tidegate.contract.router_config import RouterConfig
from tidegate.plan import conditions
from tidegate.plan.kube.reading import maps
from tidegate.plan.plan import Manifest
from tidegate.plan.router import tiers as known

AT_ALL: Final = 32 * MEBI
"""What a brain takes to read and to write answers at all."""
OF_MEMORY: Final = 1.25
"""A byte of an answer that is kept takes so much."""
OF_MODEL: Final = 160 * MEBI
"""The embedding model and its runtime: 131 MiB were measured."""
OF_VECTOR: Final = 4096
"""Bytes of a question and its vector of 384 numbers."""


def caches(policy: RoutingPolicy, tiers: Mapping[str, Manifest]) -> tuple[contract.Cache, ...]:
    """Those that routes use, each once."""
    found = (known.read(name, tiers) for name in policy.spec.tiers)
    return tuple(
        _cache(policy, tier, _users(tiers[tier.metadata.name])) for tier in found if tier and not useless(policy, tier)
    )


def _users(tier: Manifest) -> int:
    """Policies that use a tier, as its status says: they share its part of the store evenly."""
    return max(1, len(maps(tier.get("status"), "policies")))


def with_caches(config: RouterConfig, policy: RoutingPolicy, found: tuple[contract.Cache, ...]) -> RouterConfig:
    """The document, whose routes name them."""
    usable = {cache.name for cache in found}
    wanted = {route.name: route.cache.cache_tier_ref.name for route in policy.spec.routes if route.cache}
    named = {route: cache for route, cache in wanted.items() if cache in usable}
    routes = tuple(route.model_copy(update={"cache": named.get(route.name)}) for route in config.routes)
    prices = {b.name: _price(b.price) for b in policy.spec.backends if b.price and found}
    return config.model_copy(update={"caches": found or None, "routes": routes, "prices": prices or None})


def _price(said: Price) -> contract.Price:
    return contract.Price(input=float(said.input), output=float(said.output))


def useless(policy: RoutingPolicy, tier: CacheTier) -> tuple[str, str] | None:
    """Why nothing is kept: a reason, and what to do; None where something is."""
    name = tier.metadata.name
    if not tier.spec.keeps:
        return conditions.NOTHING_KEPT, (
            f"CacheTier {name!r} keeps no answers; write memory: {{}}, exact: {{}} or both into its spec"
        )
    if tier.spec.sharing == "Client" and not policy.spec.auth.clients:
        return conditions.CLIENTS_UNKNOWN, (
            f"CacheTier {name!r} gives answers to the client alone whose they are, and auth.anonymous tells no clients apart: nothing is "
            "kept; write auth.apiKeys or auth.jwt, or sharing: Policy in the tier where every client may be given every answer"
        )
    return None


def judge_unfit(policy: RoutingPolicy, tier: CacheTier) -> str:
    """Why the judge cannot be asked; empty where he can, or there is none."""
    quality = tier.spec.semantic.quality if tier.spec.semantic else None
    if not quality or not quality.judged_by:
        return ""
    model, where = quality.judged_by.model, f"CacheTier {tier.metadata.name!r}: semantic.quality.judgedBy.model"
    asked = _answering(policy, [route for route in policy.spec.routes if model in route.models])
    if not asked:
        return f"{where}: the policy has no public model {model!r}; add a route for it, or leave judgedBy out"
    if all(each in _providers(policy) for each in asked):
        return f"{where}: {model!r} is answered by a provider, and a judge is one of the cluster's engines; name a model of a modelDeploymentRef"
    cached = [r for r in policy.spec.routes if r.cache and r.cache.cache_tier_ref.name == tier.metadata.name]
    if asked & _answering(policy, cached):
        return f"{where}: {model!r} is answered by a backend whose answers it would judge; name a model of another one, or leave judgedBy out"
    return ""


def _answering(policy: RoutingPolicy, routes: Iterable[Route]) -> set[str]:
    """Who may answer them: models, by name, and providers."""
    backends = {backend.name: backend for backend in policy.spec.backends}
    return {_answers(backends[name]) for route in routes for name in route.named}


def _providers(policy: RoutingPolicy) -> set[str]:
    return {_answers(backend) for backend in policy.spec.backends if backend.external}


def _answers(backend: Backend) -> str:
    """What says which model it is."""
    provider = backend.external
    return f"{provider.base_url} {provider.model}" if provider else backend.model


def room(found: Iterable[contract.Cache]) -> int:
    """Bytes that a brain needs for its caches; 0 for none."""
    all_ = tuple(found)
    kept = sum(OF_MEMORY * cache.memory.max_bytes for cache in all_ if cache.memory)
    semantic = [cache.semantic for cache in all_ if cache.semantic]
    model = OF_MODEL if any(not each.endpoint for each in semantic) else 0
    vectors = sum(OF_VECTOR * each.max_entries for each in semantic)
    return ceil(AT_ALL + kept + model + vectors) if all_ else 0


def secrets(found: Iterable[contract.Cache]) -> tuple[str, ...]:
    """Those that the routers read for them."""
    return tuple(name for cache in found for name in _secrets(cache))


def _secrets(cache: contract.Cache) -> Iterator[str]:
    yield from cache.store.secrets if cache.store else ()
    if cache.semantic and cache.semantic.endpoint and cache.semantic.endpoint.key:
        yield cache.semantic.endpoint.key.secret


def _cache(policy: RoutingPolicy, tier: CacheTier, users: int) -> contract.Cache:
    spec = tier.spec
    semantic = None if judge_unfit(policy, tier) else spec.semantic
    return contract.Cache(
        name=tier.metadata.name,
        sharing=spec.sharing,
        version=spec.version,
        max_temperature=float(spec.max_temperature),
        max_answer_bytes=int(amount(spec.max_answer_size)),
        memory=_memory(spec.memory) if spec.memory else None,
        exact=contract.Exact(ttl_seconds=seconds(spec.exact.ttl), max_bytes=int(spec.share) // users)
        if spec.exact
        else None,
        semantic=_semantic(semantic) if semantic else None,
        ttl_rules=tuple(map(_rule, spec.ttl_rules)),
        store=known.store(tier) if spec.exact or semantic else None,
    )


def _memory(wanted: api.MemoryLayer) -> contract.Memory:
    return contract.Memory(
        max_entries=wanted.max_entries, max_bytes=int(amount(wanted.max_size)), ttl_seconds=seconds(wanted.ttl)
    )


def _semantic(wanted: api.SemanticLayer) -> contract.Semantic:
    return contract.Semantic(
        threshold=float(fraction(wanted.threshold)),
        guards=tuple(wanted.guards),
        conversations=wanted.conversations,
        ttl_seconds=seconds(wanted.ttl),
        max_entries=wanted.max_entries,
        endpoint=_endpoint(wanted.embedding.endpoint) if wanted.embedding.endpoint else None,
        quality=_quality(wanted.quality) if wanted.quality else None,
    )


def _endpoint(wanted: api.EmbeddingEndpoint) -> contract.Endpoint:
    key = wanted.api_key_secret_ref
    return contract.Endpoint(
        url=wanted.url.rstrip("/"),
        model=wanted.model,
        key=SecretEntry(secret=key.name, entry=key.key) if key else None,
        timeout_seconds=seconds(wanted.timeout),
    )


def _quality(wanted: api.Quality) -> contract.Quality:
    return contract.Quality(
        sample=float(fraction(wanted.sample)),
        max_false_hits=float(fraction(wanted.max_false_hits)),
        judge=wanted.judged_by.model if wanted.judged_by else "",
    )


def _rule(wanted: api.TtlRule) -> contract.TtlRule:
    headers = tuple((header.name.lower(), header.value) for header in wanted.match.headers)
    return contract.TtlRule(headers=headers, ttl_seconds=seconds(wanted.ttl))
