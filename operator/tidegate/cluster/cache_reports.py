"""What a router says of its caches, read as far as it can be read: brain/cache/admin.py says how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.plan.kube.reading import integer, part, text, texts
from tidegate.plan.samples import CacheReport

DIGITS: Final = 2
"""Of a count: what moves all the time changes the statuses of policies and tiers seldom then."""
MOST: Final = 64
"""Tiers of one router."""


def reports(said: Any) -> tuple[CacheReport, ...]:
    """`caches` of a brain's status, by tier, in their order."""
    found = part(said, "caches")
    return tuple(_one(name, part(found, name)) for name in sorted(found)[:MOST] if isinstance(name, str))


def _one(tier: str, said: Mapping[str, Any]) -> CacheReport:
    hits, semantic = part(said, "hits"), part(said, "semantic")
    return CacheReport(
        tier=tier,
        entries=_rounded(said, "entries"),
        size=_rounded(said, "bytes"),
        store_size=_rounded(said, "storeBytes"),
        memory_hits=_rounded(hits, "memory"),
        exact_hits=_rounded(hits, "exact"),
        semantic_hits=_rounded(hits, "semantic"),
        misses=_rounded(said, "misses"),
        trouble=tuple(texts(said, "trouble")),
        exact_only=_why_exact(semantic),
        judged=_rounded(semantic, "judged"),
        false_hits=max(0, integer(semantic, "falseHits")),
    )


def _why_exact(said: Mapping[str, Any]) -> str:
    exact = text(said, "state") == "ExactOnly"
    return (text(said, "says") or "too many answers to similar questions were wrong") if exact else ""


def _rounded(said: Mapping[str, Any], field: str) -> int:
    """Down, to its first digits."""
    count = max(0, integer(said, field))
    step = int(10 ** max(0, len(str(count)) - DIGITS))
    return count // step * step
