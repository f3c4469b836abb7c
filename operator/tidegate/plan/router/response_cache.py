"""The condition ResponseCache of a policy whose routes have caches, and what its routers say of them. The first row that fits:

routes[].cache names a tier that            the routers                            then ResponseCache is
-----------------------------------------   ------------------------------------   -------------------------------------------
nothing, in any route                       any                                    absent
does not exist, or cannot be read           any                                    False, and ResolvedRefs too
keeps nothing                               any                                    False: every request is asked of an engine
shares by client, and auth is anonymous     any                                    False: the same
any other                                   have no native filters                 False: they cannot keep an answer's bytes
has a judge that is none, or is judged      any                                    False: no answers to similar questions
any other                                   say that a layer does nothing          False: the others go on
any other                                   give no answers to similar questions   False: too many were wrong
                                              for a while
any other                                   others                                 True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from math import sqrt
from typing import Any, Final

from tidegate.api.values import bytes_quantity
from tidegate.plan import conditions
from tidegate.plan.plan import Manifest
from tidegate.plan.router import tiers as known
from tidegate.plan.router.caches import judge_unfit, useless
from tidegate.plan.router.decision import RouterDecision
from tidegate.plan.router.facts import RouterFacts
from tidegate.plan.router.filters import missing
from tidegate.plan.samples import CacheReport

Z: Final = 1.96
"""Of a 95 % interval."""


def response_cache(facts: RouterFacts, decision: RouterDecision, tiers: Mapping[str, Manifest]) -> list[dict[str, str]]:
    """The condition; none where no route has a cache."""
    if not decision.policy.spec.tiers:
        return []
    reason, message = _why_not(facts, decision, tiers) or (conditions.AS_SPECIFIED, "")
    return [conditions.condition(conditions.RESPONSE_CACHE, not message, reason, message)]


def _why_not(facts: RouterFacts, decision: RouterDecision, tiers: Mapping[str, Manifest]) -> tuple[str, str] | None:
    policy = decision.policy
    named = [tier for name in policy.spec.tiers if (tier := known.read(name, tiers))]
    if sentences := known.without_tier(policy, tiers):
        return conditions.TIER_MISSING, f"{conditions.listed(sentences)}; meanwhile every request is asked of an engine"
    if found := next(filter(None, (useless(policy, tier) for tier in named)), None):
        return found
    if found := missing(facts, decision.data):
        reason, words = found
        return reason, f"{words}; without native filters nobody keeps answers"
    if unfit := next(filter(None, (judge_unfit(policy, tier) for tier in named)), None):
        return conditions.JUDGE_UNFIT, f"{unfit}; meanwhile similar questions are asked of an engine"
    if told := [f"router {pod}: {words}" for pod, report in _said(facts) for words in report.trouble]:
        return conditions.LAYER_IDLE, conditions.listed(told)
    wrong = [f"router {pod}: {report.exact_only}" for pod, report in _said(facts) if report.exact_only]
    return (conditions.FALSE_HITS, conditions.listed(wrong)) if wrong else None


def cache_uses(facts: RouterFacts) -> list[dict[str, Any]]:
    """`caches` of the status: what the routers keep and give, all of them together, by tier."""
    said = sorted((report for _, report in _said(facts)), key=lambda report: report.tier)
    return [_use(name, tuple(reports)) for name, reports in groupby(said, key=lambda report: report.tier)]


def _said(facts: RouterFacts) -> Iterable[tuple[str, CacheReport]]:
    return ((pod, cache) for pod, report in facts.reports.items() for cache in report.caches)


def _use(name: str, said: tuple[CacheReport, ...]) -> dict[str, Any]:
    judged, wrong = sum(one.judged for one in said), sum(one.false_hits for one in said)
    return {
        "name": name,
        "entries": sum(one.entries for one in said),
        "size": bytes_quantity(sum(one.size for one in said)),
        "storeSize": bytes_quantity(max(one.store_size for one in said)),
        "memoryHits": sum(one.memory_hits for one in said),
        "exactHits": sum(one.exact_hits for one in said),
        "semanticHits": sum(one.semantic_hits for one in said),
        "misses": sum(one.misses for one in said),
        "exactOnly": any(bool(one.exact_only) for one in said),
        "falseHits": share_in_words(wrong, judged),
    }


def share_in_words(hits: int, of: int) -> str:
    """`1.7% of 120 (95 %: 0.5% to 5.9%)`, by Wilson (1927); empty where nothing was looked at."""
    if not of:
        return ""
    share, width = hits / of, Z * Z / of
    middle = (share + width / 2) / (1 + width)
    half = Z * sqrt(share * (1 - share) / of + width / (4 * of)) / (1 + width)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{share:.1%} of {of} (95 %: {low:.1%} to {high:.1%})"
