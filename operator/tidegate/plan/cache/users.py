"""Who uses a CacheTier: policies, as they are written and as their statuses say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tidegate.api import bounds
from tidegate.plan.kube.reading import integer, maps, part, text, truth
from tidegate.plan.plan import Manifest

COUNTS: Final = ("entries", "memoryHits", "exactHits", "semanticHits", "misses")
WORDS: Final = ("size", "storeSize", "falseHits")


def cached_in(policy: Manifest) -> set[str]:
    """Names of the CacheTiers whose answers a policy's routes give again."""
    routes = maps(policy.get("spec"), "routes")
    return {text(part(part(route, "cache"), "cacheTierRef"), "name") for route in routes} - {""}


def policies(tier: str, naming: Iterable[Manifest]) -> list[dict[str, Any]]:
    """Of those that name the tier the ones whose routes do, with what they say that their routers keep in it; sorted, and as many as a
    status may hold."""
    found = sorted(
        (policy for policy in naming if tier in cached_in(policy)), key=lambda policy: str(policy["metadata"]["name"])
    )
    return [_use(policy, tier) for policy in found[: bounds.TIER_POLICIES]]


def _use(policy: Manifest, tier: str) -> dict[str, Any]:
    said = next((one for one in maps(policy.get("status"), "caches") if text(one, "name") == tier), {})
    counts = {name: integer(said, name) for name in COUNTS if integer(said, name) > 0}
    words = {name: text(said, name) for name in WORDS if text(said, name)}
    wrong = {"exactOnly": True} if truth(said, "exactOnly") else {}
    return {"name": policy["metadata"]["name"], **counts, **words, **wrong}
