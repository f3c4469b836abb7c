"""Hits and wrong hits by the rule. All rules have the same vectors, so that what is compared is the rule.

Of the two others what decides a hit is taken from their code, at their defaults; their own stores and models were not run:
redisvl 0.28.0   SemanticCache(distance_threshold=0.1) of cosine distances: cosine at least 0.9
GPTCache 0.1.44  Config(similarity_threshold=0.8) of 4 - d, SearchDistanceEvaluation(max_distance=4), where d is faiss' squared L2 distance, 2 - 2 cosine:
                 cosine at least 0.6
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from benchmarks.similar.pairs import Pair
from benchmarks.similar.results import Rates
from tidegate.brain.cache.semantic.guards import Guard, differ, features
from tidegate.brain.cache.semantic.namespace import question
from tidegate.embedding.embedder import Embedder

FIRST: Final[tuple[Guard, ...]] = ("Numbers", "Dates", "Negation")
ALL: Final[tuple[Guard, ...]] = (*FIRST, "Entities")
RULES: Final[tuple[tuple[str, float, tuple[Guard, ...]], ...]] = (
    *((name, threshold, guards) for name, guards in (("cosine alone", ()), ("Numbers, Dates, Negation", FIRST), ("all guards", ALL)) for threshold in
      (0.80, 0.85, 0.90, 0.95)),
    ("redisvl's default", 0.90, ()),
    ("GPTCache's default", 0.60, ()),
)  # fmt: skip
SCOPE: Final = b"benchmark"

Judged = tuple[float, str, str, bool]
"""Cosine, what is stored, what is asked, whether one answer is right for both."""


async def of_questions(embedder: Embedder, pairs: Iterable[Pair]) -> tuple[Rates, ...]:
    """Of each rule."""
    judged = [(await _cosine(embedder, p.stored, p.asked), p.stored, p.asked, p.same) for p in pairs]
    return tuple(_rates(name, threshold, guards, judged) for name, threshold, guards in RULES)


async def of_conversations(embedder: Embedder, pairs: Sequence[tuple[Any, Any, bool]]) -> tuple[Rates, ...]:
    """Of rules that look at the last message alone, and of ours."""
    last = [(stored[-1]["content"], asked[-1]["content"], same) for stored, asked, same in pairs]
    judged = [(await _cosine(embedder, stored, asked), stored, asked, same) for stored, asked, same in last]
    alone = [
        _rates("last message alone, cosine", 0.90, (), judged),
        _rates("last message alone, all guards", 0.95, ALL, judged),
    ]
    return (*alone, *(_ours(mode, pairs, judged) for mode in ("SingleTurn", "SameHistory")))


def _ours(
    mode: Literal["SingleTurn", "SameHistory"], pairs: Sequence[tuple[Any, Any, bool]], judged: Sequence[Judged]
) -> Rates:
    def space(messages: Any) -> bytes | None:
        found = question({"messages": messages}, SCOPE, mode)
        return found.namespace if found else None

    together = [
        each for each, (a, b, _) in zip(judged, pairs, strict=True) if space(a) is not None and space(a) == space(b)
    ]
    found = _rates(f"conversations: {mode}", 0.95, ALL, together)
    same = sum(each[3] for each in judged)
    return Rates(found.rule, found.threshold, found.hits, same, found.wrong, len(judged) - same)


def _rates(name: str, threshold: float, guards: tuple[Guard, ...], judged: Sequence[Judged]) -> Rates:
    served = [
        same
        for cosine, stored, asked, same in judged
        if cosine >= threshold and not differ(features(stored), features(asked), guards)
    ]
    same = sum(each[3] for each in judged)
    return Rates(name, threshold, sum(served), same, len(served) - sum(served), len(judged) - same)


async def _cosine(embedder: Embedder, one: str, other: str) -> float:
    a, b = await embedder.embed([one, other])
    return float(a @ b)
