"""Caches: which requests got an answer that was kept, from where, and what keeps the others from one."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.grafana import Json, Panel, Query, Row, Variable, dashboard
from scripts.dashboards.queries import rate

ABOUT: Final = "Answers that are given again: from which layer, how many tokens that saves, and why others are not."
OF: Final = 'namespace=~"$namespace", policy=~"$policy", cache=~"$cache"'
ASKED: Final = f"tidegate_cache_requests_total{{{OF}}}"
HITS: Final = f'tidegate_cache_requests_total{{{OF}, result=~"hit-.+|coalesced"}}'
COULD: Final = f'tidegate_cache_requests_total{{{OF}, result!="bypassed"}}'
BYPASSED: Final = f'tidegate_cache_requests_total{{{OF}, result="bypassed"}}'
REFUSED: Final = f'tidegate_cache_answers_total{{{OF}, result="not-stored"}}'
NAMESPACE: Final = Variable("namespace", "tidegate_cache_entries", "namespace")
POLICY: Final = Variable("policy", 'tidegate_cache_entries{namespace=~"$namespace"}', "policy")
CACHE: Final = Variable("cache", 'tidegate_cache_entries{namespace=~"$namespace", policy=~"$policy"}', "cache")
LOST: Final = "evicted made room for new ones, dropped were never stored, damaged could not be read."
SHARE: Final = "Of the requests that could have been answered so; `coalesced` waited for an answer that was on its way."


def caches() -> Json:
    """The dashboard."""
    return dashboard("caches", ABOUT, [NAMESPACE, POLICY, CACHE], [_requests(), _kept(), _stored(), _similar()])


def _requests() -> Row:
    share = f"{rate(HITS, 'policy', 'cache')} / {rate(COULD, 'policy', 'cache')}"
    saved = rate(f"tidegate_cache_saved_tokens_total{{{OF}}}", "type")
    return Row(
        "Requests",
        [
            Panel("Answered from a cache", "percentunit", [Query(share, "{{policy}} {{cache}}")], about=SHARE),
            Panel("Requests by result", "reqps", [Query(rate(ASKED, "result"), "{{result}}")], stacked=True),
            Panel("Tokens that no engine worked for", "short", [Query(saved, "{{type}}")], stacked=True),
            Panel(
                "Asked of an engine each time", "reqps", [Query(rate(BYPASSED, "reason"), "{{reason}}")], stacked=True
            ),
            Panel("Answers that were not kept", "ops", [Query(rate(REFUSED, "reason"), "{{reason}}")], stacked=True),
        ],
    )


def _kept() -> Row:
    return Row(
        "What routers keep",
        [
            Panel("Answers in memory", "short", [_in_memory("tidegate_cache_entries")]),
            Panel("Bytes of them", "bytes", [_in_memory("tidegate_cache_bytes")]),
        ],
    )


def _in_memory(metric: str) -> Query:
    return Query(f"sum by (policy, cache, pod) ({metric}{{{OF}}})", "{{policy}} {{cache}} {{pod}}")


def _stored() -> Row:
    lost = ("evicted", "dropped", "damaged")
    looked = ("hits", "misses", "away")
    reached = f"min by (policy, cache) (tidegate_cache_store_shared{{{OF}}})"
    return Row(
        "The store",
        [
            Panel("Look-ups", "ops", [_of_store(what) for what in looked], stacked=True),
            Panel("Answers", "short", [_largest("entries")]),
            Panel("Bytes of them", "bytes", [_largest("bytes")]),
            Panel("Answers that were lost", "ops", [_of_store(what) for what in lost], stacked=True, about=LOST),
            Panel("Reached by every router", "short", [Query(reached, "{{policy}} {{cache}}")]),
        ],
    )


def _of_store(what: str) -> Query:
    return Query(rate(f"tidegate_cache_store_{what}_total{{{OF}}}", "cache"), f"{{{{cache}}}} {what}")


def _largest(what: str) -> Query:
    """Each router says it of the one store."""
    return Query(f"max by (policy, cache) (tidegate_cache_store_{what}{{{OF}}})", "{{policy}} {{cache}}")


def _similar() -> Row:
    verdicts = rate(f"tidegate_cache_judged_total{{{OF}}}", "verdict")
    wrong, told = (
        f'sum by (policy, cache) (increase(tidegate_cache_judged_total{{{OF}, verdict=~"{verdict}"}}[1d]))'
        for verdict in ("wrong", "right|wrong")
    )
    answered = f"min by (policy, cache) (tidegate_cache_similar_on{{{OF}}})"
    return Row(
        "Similar questions",
        [
            Panel("Answers that were compared", "ops", [Query(verdicts, "{{verdict}}")], stacked=True),
            Panel("Wrong ones of a day", "percentunit", [Query(f"{wrong} / {told}", "{{policy}} {{cache}}")]),
            Panel("Answered by every router", "short", [Query(answered, "{{policy}} {{cache}}")]),
        ],
    )
