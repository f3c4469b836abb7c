"""Smoke tests of a new revision that nobody else asks yet.

what there is                                            the gate
------------------------------------------------------   ----------------------------------------------------------------------
it was passed before                                     passed: it is not asked again
no engine of it that is ready                            inconclusive
no answer yet                                            inconclusive
no connection, or it was broken off                      error: asked again at the next look
not within the time, another status, another body        failed; inconclusive while failureLimit tolerates it, and asked again
all that is expected                                     passed
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tidegate.api.smoke import Expect, JsonValue, SmokeTest
from tidegate.api.values import seconds
from tidegate.plan.gates.verdict import Verdict
from tidegate.plan.model.judging.notes import Note, Said, looked, said
from tidegate.plan.plan import ObjectKey, Question, Request
from tidegate.plan.samples import Reply, Sample, Samples

LATE = "it did not answer within"
SHOWN = 120
"""Characters of an answer that are told."""


@dataclass(frozen=True)
class Engine:
    """The one that is asked."""

    about: ObjectKey
    """The model."""
    pod: str
    """Its uid."""
    address: str
    """Empty: none is ready."""
    model: str
    """What it calls the model."""


def question(test: SmokeTest, engine: Engine) -> Question:
    """What one test asks."""
    body = json.dumps({"model": engine.model} | test.request, sort_keys=True) if test.request is not None else ""
    asked = Request(test.path, body, seconds(test.expect.within), test.expect.matches or "")
    return Question(engine.about, f"{engine.pod}/{test.name}", engine.address, smoke=asked)


def questions(
    tests: Sequence[SmokeTest], notes: Sequence[Note], engine: Engine, interval: float
) -> dict[Question, float]:
    """Of those that were not passed yet."""
    passed = {note.name for note in notes if note.outcome == "passed"}
    left = [test for test in tests if test.name not in passed and engine.address]
    return {question(test, engine): interval for test in left}


def look(
    tests: Sequence[SmokeTest],
    notes: Sequence[Note],
    engine: Engine,
    samples: Samples,
    interval: float,
    limit: int,
    now: float,
) -> tuple[Said, ...]:
    """The table; `limit` are the wrong answers that are tolerated; a failure that has no time is one of this moment (Unix, seconds)."""
    known = {note.name: note for note in notes}
    found = []
    for test in tests:
        sample = samples.get(question(test, engine)) if engine.address else None
        reply = _reply(sample, now) if sample else None
        found.append(_one(test, known.get(test.name, Note(test.name)), engine, reply, interval, limit))
    return tuple(found)


def _reply(sample: Sample, now: float) -> Reply:
    return (
        sample.value
        if isinstance(sample.value, Reply) and not sample.error
        else Reply(error=sample.error or "?", at=now)
    )


def _one(test: SmokeTest, note: Note, engine: Engine, reply: Reply | None, interval: float, limit: int) -> Said:
    if note.outcome == "passed":
        return said(note, Verdict("passed", note.words))
    if not engine.address:
        return said(note, Verdict("inconclusive", "no engine of it is ready"))
    if reply is None:
        return said(note, Verdict("inconclusive", "it is being asked"))
    if not note.fresh(reply.at, interval):
        return said(note, Verdict(note.outcome, note.words))  # type: ignore[arg-type]
    if reply.error and not reply.error.startswith(LATE):
        return looked(note, Verdict("error", reply.error), reply.at, interval)
    return _judged(test, note, reply, interval, limit)


def _judged(test: SmokeTest, note: Note, reply: Reply, interval: float, limit: int) -> Said:
    wrong = reply.error or wrong_with(reply, test.expect)
    if not wrong:
        return looked(note, Verdict("passed", f"status {reply.status}, as expected"), reply.at, interval)
    note = replace(note, failures=note.failures + 1)
    return looked(note, Verdict("failed" if note.failures > limit else "inconclusive", wrong), reply.at, interval)


def wrong_with(reply: Reply, expect: Expect) -> str:
    """The first thing that is not as expected; empty when all is."""
    if reply.status != expect.status:
        return f"status {reply.status} instead of {expect.status}: {reply.body[:SHOWN]}"
    if expect.contains is not None and expect.contains not in reply.body:
        return f"{expect.contains!r} is not in the answer: {reply.body[:SHOWN]}"
    if reply.unlike:
        return f"{reply.unlike}: {reply.body[:SHOWN]}"
    return _other_value(reply.body, expect.json_value) if expect.json_value else ""


def _other_value(body: str, wanted: JsonValue) -> str:
    try:
        value: Any = json.loads(body)
        for step in wanted.steps():
            value = value[step]
        found = value if isinstance(value, str) else json.dumps(value)
    except (ValueError, RecursionError):
        return f"the answer is no JSON: {body[:SHOWN]}"
    except (KeyError, IndexError, TypeError):
        return f"there is no {wanted.path} in the answer: {body[:SHOWN]}"
    return "" if found == wanted.equals else f"{wanted.path} is {found[:SHOWN]!r} instead of {wanted.equals!r}"
