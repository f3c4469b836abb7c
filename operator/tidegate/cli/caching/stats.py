"""What a policy's routers say of their caches, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tidegate.plan.kube.reading import integer, part, text, texts

LAYERS: Final = ("memory", "exact", "semantic")
Said = Mapping[str, Mapping[str, Any]]
"""What each router says, by its Pod."""


def lines(tier: str, said: Said) -> Iterator[str]:
    """Of one tier."""
    routers = [part(of, tier) for of in said.values()]
    hits = {layer: sum(integer(part(one, "hits"), layer) for one in routers) for layer in LAYERS}
    misses = sum(integer(one, "misses") for one in routers)
    asked = sum(hits.values()) + misses
    yield f"CacheTier {tier}: {_share(sum(hits.values()), asked)} of {asked} requests were answered from it"
    for layer in LAYERS:
        yield f"  {layer:<10} {hits[layer]:>9}  {_share(hits[layer], asked)}"
    yield f"  {'misses':<10} {misses:>9}  {_share(misses, asked)}"
    yield from _saved(routers)
    yield f"  store      {_bytes(max((integer(one, 'storeBytes') for one in routers), default=0)):>9}"
    yield from _similar(routers)
    for pod, of in said.items():
        yield from _router(pod, part(of, tier))


def _saved(routers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    tokens, dollars = (sum(integer(one, field) for one in routers) for field in ("savedTokens", "savedMicrodollars"))
    yield f"  saved      {tokens:>9,}  tokens" + (f", {dollars / 1e6:,.2f} US dollars" if dollars else "")


def _similar(routers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    found = [part(one, "semantic") for one in routers if part(one, "semantic")]
    judged, wrong = sum(integer(one, "judged") for one in found), sum(integer(one, "falseHits") for one in found)
    if judged:
        yield f"  similar    {judged:>9}  looked at, {wrong} of them wrong"
    if any(text(one, "state") == "ExactOnly" for one in found):
        yield "  similar questions are not answered at the moment: too many answers were wrong"


def _router(pod: str, said: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {pod}: {integer(said, 'entries')} answers, {_bytes(integer(said, 'bytes'))}"
    for trouble in texts(said, "trouble"):
        yield f"    {trouble}"


def _share(part_: int, whole: int) -> str:
    return f"{100 * part_ / whole:.1f}%" if whole else "none"


def _bytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
