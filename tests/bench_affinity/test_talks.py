"""What is asked: the same for the same seed, and of the sizes that the pages name."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest

from benchmarks.affinity.engines import BLOCKS, ENGINES
from benchmarks.affinity.play import answer_of, body
from benchmarks.affinity.talks import ANSWER, DOCUMENT, DOCUMENTS, PAUSE, WORKLOADS, Talk, documents, hot, text, turns
from benchmarks.router.workloads import KNOWN, PUBLIC, QUESTIONS
from benchmarks.router.workloads import WORKLOADS as ROUTERS_WORKLOADS
from e2e.engine_sim.tokens import encode


def _drawn(name: str, seed: int = 1) -> list[Talk]:
    return WORKLOADS[name].talks(Random(seed))


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_seed_says_everything(name: str) -> None:
    assert _drawn(name) == _drawn(name)
    assert _drawn(name)[0].questions != _drawn(name, 2)[0].questions


@pytest.mark.parametrize("name", WORKLOADS)
def test_they_begin_one_after_the_other_and_pause_between_turns(name: str) -> None:
    talks = _drawn(name)
    assert [talk.begins for talk in talks] == sorted(talk.begins for talk in talks)
    assert all(PAUSE[0] <= pause <= PAUSE[1] for talk in talks for pause in talk.pauses)


def test_a_word_is_a_token() -> None:
    assert len(encode(text(Random(1), 50))) == 50


def test_talks_share_the_system_prompt_and_nothing_else() -> None:
    talks = turns(Random(1))
    assert len({json.dumps(talk.opening) for talk in talks}) == 1
    assert len({question for talk in talks for question in talk.questions}) == sum(talk.turns for talk in talks)
    assert len({talk.session for talk in talks}) == len(talks) == 56


def test_four_engines_hold_all_documents_and_one_does_not() -> None:
    assert BLOCKS * 16 < DOCUMENTS * DOCUMENT < ENGINES * BLOCKS * 16


def test_a_document_comes_before_its_question() -> None:
    by_session: dict[str, set[str]] = {}
    for talk in documents(Random(1)):
        document, _, question = talk.questions[0].partition("\n\n")
        assert question
        by_session.setdefault(talk.session, set()).add(document)
    assert len(by_session) == DOCUMENTS
    assert {len(found) for found in by_session.values()} == {1}


def test_half_of_all_requests_are_hot() -> None:
    counted = Counter(talk.session.partition("-")[0] for talk in hot(Random(1)) for _ in talk.questions)
    assert counted == {"hot": 96, "talk": 96}


def test_a_request() -> None:
    sent = json.loads(body([{"role": "user", "content": "hello"}]))
    assert (sent["model"], sent["stream"], sent["max_tokens"]) == (PUBLIC, True, ANSWER)


def test_an_answer_is_read_from_its_stream() -> None:
    chunks = [
        {"choices": [{"delta": delta}]}
        for delta in ({"role": "assistant", "content": ""}, {"content": "a"}, {"content": " b"})
    ]
    stream = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in [*chunks, {"choices": []}])
    assert answer_of(stream + b"data: [DONE]\n\n") == "a b"


def test_bodies_of_the_costs() -> None:
    assert set(KNOWN) == {*ROUTERS_WORKLOADS, *QUESTIONS}
    sizes = {name: len(workload.body) >> 10 for name, workload in QUESTIONS.items()}
    assert sizes == {"short": 2, "long": 32, "behind": 32}
    assert all(json.loads(one.body)["messages"][0]["role"] == "user" for one in QUESTIONS.values())
