"""What the benchmark counts, without a model."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from benchmarks.similar import report
from benchmarks.similar.pairs import Pair, conversations, questions
from benchmarks.similar.rates import of_conversations, of_questions
from benchmarks.similar.results import Cost, Results, Watched
from tests.brain.cache.semantic.support import Letters

PAIRS = [
    Pair(1, "paraphrase", "How do I pay?", "How do I pay", same=True),
    Pair(3, "paraphrase", "How do I pay?", "What are elephants", same=True),
    Pair(1, "number_date", "Is it 5 days?", "Is it 6 days?", same=False),
    Pair(3, "entity_swap", "trains to York", "trains to Cork", same=False),
]
ASK = [{"role": "user", "content": "Cancel what?"}, {"role": "assistant", "content": "This."}]
YES = {"role": "user", "content": "yes"}


async def test_hits_and_wrong_answers_of_each_rule() -> None:
    found = {(each.rule, each.threshold): each for each in await of_questions(Letters(), PAIRS)}
    alone, guarded = found["cosine alone", 0.8], found["all guards", 0.8]
    assert (alone.hits, alone.same, alone.wrong, alone.traps) == (1, 2, 1, 2)
    assert (guarded.hits, guarded.wrong) == (1, 0)
    assert found["GPTCache's default", 0.6].wrong == 2
    assert guarded.hit_rate == 0.5


async def test_conversations_meet_only_where_the_history_is_the_same() -> None:
    other = [ASK[0], {"role": "assistant", "content": "That."}]
    pairs = [([*ASK, YES], [*ASK, YES], True), ([*ASK, YES], [*other, YES], False)]
    found = {each.rule: each for each in await of_conversations(Letters(), pairs)}
    alone, single, same = (
        found[name]
        for name in ("last message alone, cosine", "conversations: SingleTurn", "conversations: SameHistory")
    )
    assert (alone.hits, alone.wrong) == (1, 1)
    assert (single.hits, single.wrong, single.same, single.traps) == (0, 0, 1, 1)
    assert (same.hits, same.wrong) == (1, 0)


def test_the_data_are_those_that_are_named() -> None:
    pytest.importorskip("fow_cache")
    all_ = questions()
    assert len(all_) == 600
    assert sum(each.same for each in all_) == 300
    assert sum(each.odd for each in all_) == 306
    assert len(conversations()) == 240


async def test_tables_are_written() -> None:
    rates = await of_questions(Letters(), PAIRS)
    results = Results(
        rates, rates[:1], (Cost("a step", 1.0, 0.5),), (Watched(0.01, 0.04, None),), 0.01, 2000, 400, 0.5, 2
    )
    said = report.text(results)
    assert "| all guards | 0.95 | " in said
    assert "| 1.0% | 4.0% | - |" in said
    assert json.dumps(asdict(results))
