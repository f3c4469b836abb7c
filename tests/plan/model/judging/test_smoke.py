"""Every row of the table in smoke.py, and each thing that may be expected."""

from __future__ import annotations

import json

import pytest

from tidegate.api.smoke import Expect, SmokeTest
from tidegate.plan.model.judging.notes import Note
from tidegate.plan.model.judging.smoke import Engine, look, question, questions, wrong_with
from tidegate.plan.plan import ObjectKey
from tidegate.plan.samples import Reply, Sample

NOW = 1_800_000_000.0
ABOUT = ObjectKey("tidegate.dev/v1alpha1", "ModelDeployment", "shop", "llama")
ENGINE = Engine(ABOUT, "uid", "10.0.0.1", "served")
TEST = SmokeTest.model_validate(
    {"name": "a", "request": {"max_tokens": 5}, "expect": {"contains": "OK", "within": "10s"}}
)


def said(
    reply: Reply | None, note: Note | None = None, engine: Engine = ENGINE, limit: int = 0, error: str = ""
) -> tuple[str, str, int]:
    samples = {question(TEST, engine): Sample(reply, 0.0, error)} if reply or error else {}
    [(gate, kept)] = look([TEST], [note] if note else [], engine, samples, 30.0, limit, NOW)
    return gate.verdict.outcome, gate.verdict.words, kept.failures


@pytest.mark.parametrize(
    ("reply", "note", "engine", "limit", "wanted"),
    [
        (None, Note("a", "passed", "before"), ENGINE, 0, ("passed", "before", 0)),
        (Reply(200, "OK", at=9), None, Engine(ABOUT, "", "", "x"), 0, ("inconclusive", "no engine of it is ready", 0)),
        (None, None, ENGINE, 0, ("inconclusive", "it is being asked", 0)),
        (Reply(error="it could not be asked: ConnectError", at=99), None, ENGINE, 0, ("error", "it could not be asked: ConnectError", 0)),
        (Reply(error="it did not answer within 10 s", at=99), None, ENGINE, 0, ("failed", "it did not answer within 10 s", 1)),
        (Reply(503, "busy", at=99), None, ENGINE, 1, ("inconclusive", "status 503 instead of 200: busy", 1)),
        (Reply(503, "busy", at=99), Note("a", "inconclusive", "x", 60, 0, 1), ENGINE, 1, ("failed", "status 503 instead of 200: busy", 2)),
        (Reply(503, "busy", at=99), Note("a", "inconclusive", "x", 99, 0, 1), ENGINE, 1, ("inconclusive", "x", 1)),
        (Reply(200, "NO", at=99), None, ENGINE, 0, ("failed", "'OK' is not in the answer: NO", 1)),
        (Reply(200, "it is OK", at=99), None, ENGINE, 0, ("passed", "status 200, as expected", 0)),
    ],
)  # fmt: skip
def test_row(reply: Reply | None, note: Note | None, engine: Engine, limit: int, wanted: tuple[str, str, int]) -> None:
    assert said(reply, note, engine, limit) == wanted


def test_an_observer_that_fails() -> None:
    assert said(None, error="odd")[:2] == ("error", "odd")


def test_a_failure_without_a_time_is_one_look() -> None:
    """However many passes read it: each would be written down, and make another one."""
    samples, note = {question(TEST, ENGINE): Sample(None, 0.0, "odd")}, Note("a")
    for second in range(14):
        [(_, note)] = look([TEST], [note], ENGINE, samples, 30.0, 0, NOW + second)
        assert (note.silent, note.at) == (1, NOW)
    [(_, note)] = look([TEST], [note], ENGINE, samples, 30.0, 0, NOW + 15)
    assert (note.silent, note.at) == (2, NOW + 15)


def test_what_is_asked() -> None:
    asked = question(TEST, ENGINE)
    assert asked.address == "10.0.0.1"
    assert asked.smoke
    assert (asked.smoke.path, asked.smoke.within) == ("/v1/chat/completions", 10.0)
    assert json.loads(asked.smoke.body) == {"model": "served", "max_tokens": 5}
    plain = question(SmokeTest.model_validate({"name": "b", "path": "/health"}), ENGINE)
    assert plain.smoke
    assert plain.smoke.body == ""
    assert list(questions([TEST], [], ENGINE, 30.0).values()) == [30.0]
    assert questions([TEST], [Note("a", "passed")], ENGINE, 30.0) == {}
    assert questions([TEST], [], Engine(ABOUT, "", "", "x"), 30.0) == {}


BODY = '{"choices": [{"finish_reason": "stop", "n": 3, "ok": true, "0": {"a-b": null}}]}'


@pytest.mark.parametrize(
    ("path", "equals", "words"),
    [
        ("choices[0].finish_reason", "stop", ""),
        ("choices[0].n", "3", ""),
        ("choices[0].ok", "true", ""),
        ("choices[0].0.a-b", "null", ""),
        ("choices[0].n", "4", "choices[0].n is '3' instead of '4'"),
        ("choices[1].n", "3", "there is no choices[1].n in the answer"),
        ("choices.n", "3", "there is no choices.n in the answer"),
        ("choices[0].finish_reason.x", "3", "there is no choices[0].finish_reason.x in the answer"),
    ],
)
def test_a_value_in_the_answer(path: str, equals: str, words: str) -> None:
    expect = Expect.model_validate({"jsonValue": {"path": path, "equals": equals}})
    assert wrong_with(Reply(200, BODY), expect).startswith(words)
    assert bool(wrong_with(Reply(200, BODY), expect)) == bool(words)


def test_an_answer_that_is_no_json() -> None:
    expect = Expect.model_validate({"jsonValue": {"path": "a", "equals": "1"}})
    assert wrong_with(Reply(200, "<html>"), expect) == "the answer is no JSON: <html>"
    assert wrong_with(Reply(200, "[" * 65_536), expect).startswith("the answer is no JSON: [[[")


def test_a_pattern_is_looked_for_where_the_answer_is_read() -> None:
    test = SmokeTest.model_validate({"name": "a", "expect": {"matches": "O[Kk]"}})
    asked = question(test, ENGINE).smoke
    assert asked is not None
    assert asked.pattern == "O[Kk]"
    assert wrong_with(Reply(200, "OK"), test.expect) == ""
    assert wrong_with(Reply(200, "no", unlike="'O[Kk]' fits nowhere"), test.expect) == "'O[Kk]' fits nowhere: no"
