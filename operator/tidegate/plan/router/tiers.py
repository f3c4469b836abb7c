"""The CacheTiers that a policy names, as far as they can be used, and their stores as the routers reach them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from tidegate import names
from tidegate.api.cachetier import CacheTier
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.contract.limits import Store
from tidegate.plan.plan import Manifest


def read(name: str, tiers: Mapping[str, Manifest]) -> CacheTier | None:
    """None where there is none, or none that can be read: its own status says why."""
    try:
        return CacheTier.model_validate({**tiers[name], "status": None}) if name in tiers else None
    except ValidationError:
        return None


def store(tier: CacheTier) -> Store | None:
    """Where it is; None for a tier without one."""
    wanted = tier.spec.store
    if not wanted:
        return None
    if not wanted.existing:
        address = names.store_address(tier.metadata.name, tier.metadata.namespace)
        return Store(secret=names.store(tier.metadata.name), key=names.STORE_PASSWORD_KEY, address=address)
    url, ca = wanted.existing.url_secret_ref, wanted.existing.ca_secret_ref
    return Store(secret=url.name, key=url.key, ca_secret=ca.name if ca else "", ca_key=ca.key if ca else "")


def without_store(policy: RoutingPolicy, tiers: Mapping[str, Manifest]) -> str:
    """A sentence about a storeRef that leads to no store; empty where it does, or where there is none."""
    ref = policy.spec.store_ref
    if not ref:
        return ""
    tier = read(ref.name, tiers)
    if tier and not tier.spec.store:
        return f"storeRef: CacheTier {ref.name!r} has no store; add spec.store to it, or name another one"
    return _missing("storeRef", ref.name, tiers)


def without_tier(policy: RoutingPolicy, tiers: Mapping[str, Manifest]) -> tuple[str, ...]:
    """The same of the caches of its routes, each tier once."""
    sentences = (_missing("cacheTierRef", name, tiers) for name in policy.spec.tiers)
    return tuple(sentence for sentence in sentences if sentence)


def unresolved(policy: RoutingPolicy, tiers: Mapping[str, Manifest]) -> tuple[str, ...]:
    """All of them."""
    return tuple(filter(None, (without_store(policy, tiers), *without_tier(policy, tiers))))


def _missing(field: str, name: str, tiers: Mapping[str, Manifest]) -> str:
    if name not in tiers:
        return f"{field}: CacheTier {name!r} does not exist; create it, or correct the name"
    return "" if read(name, tiers) else f"{field}: CacheTier {name!r} cannot be used; its status says why"
