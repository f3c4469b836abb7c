"""Every row of the table in looks.py, with answers as Prometheus gives them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.api.objectives import Objective
from tidegate.api.rollout import Rollout
from tidegate.plan.gates.together import Gate
from tidegate.plan.model.judging.looks import NO_PROMETHEUS, View, look
from tidegate.plan.model.judging.notes import Note
from tidegate.plan.model.judging.questions import Pace, Rivals, edges, question
from tidegate.plan.model.judging.windows import Window
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.samples import Measurement, Sample, Samples, Series

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
START = NOW.timestamp()
RIVALS, PACE = Rivals("shop", "llama", "old", "new"), Pace(30.0, 5.0, 60.0)
ABOUT = ObjectKey("tidegate.dev/v1alpha1", "ModelDeployment", "shop", "llama")
OPEN, OVER = Window(10, NOW), Window(5, NOW - timedelta(minutes=10), NOW)
ROLLOUT = Rollout.model_validate({"gates": {"failureLimit": 1}})


def objective(**kind: Any) -> Objective:
    return Objective.model_validate({"name": "o", **kind})


ERRORS = objective(errorRate={"max": "5%"})
TTFT = objective(timeToFirstToken={"percentile": "95", "max": "500ms"})
OWN = objective(query={"max": "1", "promQL": "x"})


def asked(one: Objective, window: Window = OPEN) -> Question:
    found = question(one, window, RIVALS, PACE, ABOUT)
    assert found
    return found


def counted(one: Objective, window: Window, at: float, every: dict[str, int], bad: dict[str, int]) -> Measurement:
    """So many requests and bad ones an interval, by revision, at one router."""
    query = asked(one, window).query
    assert query
    points = edges(query, at)
    made = []
    for revision, number in every.items():
        parts: dict[str, tuple[dict[str, str], int]] = (
            {"ok": ({"outcome": "ok"}, number - bad[revision]), "error": ({"outcome": "error"}, bad[revision])}
            if one.error_rate
            else {"all": ({"le": "+Inf"}, number), "fast": ({"le": "0.5"}, number - bad[revision])}
        )
        for labels, rise in parts.values():
            series = tuple((edge, float(i * rise)) for i, edge in enumerate(points))
            made.append(Series({"revision": revision, "pod": "chat-1", **labels}, series))
    return Measurement(tuple(made), at=at)


def said(one: Objective, samples: Samples, note: Note | None = None, **changes: Any) -> tuple[Gate, Note]:
    view = View(ROLLOUT, (OPEN,), RIVALS, PACE, ABOUT, samples, {"chat-1": START - 999}, START + 400)
    [found] = look([one], [note] if note else [], replace(view, **changes))
    return found


def heard(one: Objective, measurement: Measurement, window: Window = OPEN) -> dict[Question, Sample]:
    return {asked(one, window): Sample(measurement, 1.0)}


GOOD = counted(ERRORS, OPEN, START + 400, {"old": 900, "new": 100}, {"old": 9, "new": 1})
BAD = counted(ERRORS, OPEN, START + 400, {"old": 900, "new": 100}, {"old": 9, "new": 30})
SLOW = counted(TTFT, OPEN, START + 400, {"old": 900, "new": 100}, {"old": 20, "new": 60})
NOTHING = Measurement(at=START + 400)


@pytest.mark.parametrize(
    ("one", "samples", "changes", "outcome", "words"),
    [
        # no Prometheus in the operator's settings
        (ERRORS, {}, {"pace": None}, "error", NO_PROMETHEUS),
        # no window is open, or its warm-up goes on
        (ERRORS, {}, {"windows": ()}, "inconclusive", "it gets no requests at present"),
        (ERRORS, {}, {"windows": (OVER,)}, "inconclusive", "it gets no requests at present"),
        (TTFT, heard(TTFT, Measurement(at=START + 30)), {}, "inconclusive", "its caches warm up"),
        # a question about some window was not answered yet
        (ERRORS, {}, {}, "inconclusive", "Prometheus is being asked"),
        (ERRORS, heard(ERRORS, GOOD), {"windows": (OVER, OPEN)}, "inconclusive", "Prometheus is being asked"),
        (OWN, heard(OWN, Measurement(at=START - 5)), {}, "inconclusive", "Prometheus is being asked"),
        # a question cannot be asked or is no PromQL, or has no answer
        (OWN, heard(OWN, Measurement(fault="query", error="no", at=START + 9)), {}, "error", "no"),
        (ERRORS, heard(ERRORS, Measurement(fault="unreachable", error="gone", at=START + 9)), {}, "error", "gone"),
        (ERRORS, {asked(ERRORS): Sample(GOOD, 99.0, "odd", 60.0)}, {}, "error", "odd"),
        # an answer with warnings
        (ERRORS, heard(ERRORS, replace(GOOD, warnings=("a part is gone",))), {}, "error", "Prometheus warns: a part is gone"),
        # counts
        (ERRORS, heard(ERRORS, NOTHING), {}, "no data", "there are no counts of this model"),
        (ERRORS, heard(ERRORS, Measurement(at=START + 20)), {}, "inconclusive", "0 of 100 requests"),
        (ERRORS, heard(ERRORS, GOOD), {"routers": {"chat-2": START - 999}}, "no data", "router chat-2 has no counts of the stable revision"),
        (ERRORS, heard(ERRORS, GOOD), {}, "passed", "errors: 1 % of 1,300 (max 5 %), stable 1 %"),
        (ERRORS, heard(ERRORS, BAD), {}, "failed", "errors: 30 % of 1,300"),
        (TTFT, heard(TTFT, SLOW), {}, "failed", "slower than 500ms: 60 % of 1,100"),
        # a number
        (OWN, heard(OWN, Measurement((Series({}, ((START, 0.5),)),), at=START + 9)), {}, "passed", "0.5 (at most 1)"),
        (OWN, heard(OWN, Measurement((Series({}, ((START, 2.0),)),), at=START + 9)), {}, "inconclusive", "2 is over 1: failure 1, 1 is tolerated"),
        (OWN, heard(OWN, Measurement((Series({}, ((START, float("nan")),)),), at=START + 9)), {}, "error", "the query gives NaN"),
        (OWN, heard(OWN, Measurement(at=START + 9)), {}, "no data", "the query gives nothing"),
        (OWN, heard(OWN, Measurement((Series({}, ((START, 1.0),)),) * 2, at=START + 9)), {}, "error", "the query gives 2 series"),
    ],
)  # fmt: skip
def test_row(one: Objective, samples: Samples, changes: dict[str, Any], outcome: str, words: str) -> None:
    gate, note = said(one, samples, **changes)
    assert gate.verdict.outcome == outcome == note.outcome
    assert gate.verdict.words.startswith(words)
    assert note.words == gate.verdict.words


@pytest.mark.parametrize(
    ("fault", "hopeless"), [("query", True), ("setup", True), ("unreachable", False), ("refused", False)]
)
def test_what_waiting_does_not_help(fault: Any, hopeless: bool) -> None:
    assert said(ERRORS, heard(ERRORS, Measurement(fault=fault, error="x", at=START)))[0].hopeless is hopeless
    assert said(ERRORS, {}, pace=None)[0].hopeless


def test_evidence_of_steps_before() -> None:
    """A step that was bad is not forgotten in the next one."""
    before = counted(ERRORS, OVER, START + 400, {"old": 950, "new": 50}, {"old": 9, "new": 15})
    samples = {asked(ERRORS, OVER): Sample(before, 1.0), asked(ERRORS): Sample(GOOD, 1.0)}
    assert said(ERRORS, samples, windows=(OVER, OPEN))[0].verdict.words.startswith("errors: ")
    assert said(ERRORS, samples, windows=(OVER, OPEN))[0].verdict.outcome == "failed"


def test_silence_is_counted_look_by_look() -> None:
    """A pass is no look: the same answer twice is one."""
    gone = heard(ERRORS, Measurement(fault="unreachable", error="x", at=START + 30))
    _, first = said(ERRORS, gone)
    assert (first.silent, first.at) == (1, START + 30)
    assert said(ERRORS, gone, first)[1] == first
    _, soon = said(ERRORS, heard(ERRORS, Measurement(fault="unreachable", error="x", at=START + 40)), first)
    assert soon.silent == 1, "an operator that begins anew asks at once, which is no look of its own"
    _, second = said(ERRORS, heard(ERRORS, Measurement(fault="unreachable", error="x", at=START + 60)), first)
    assert second.silent == 2
    assert said(ERRORS, heard(ERRORS, replace(GOOD, at=START + 400)), second)[1].silent == 0


def test_failures_of_a_query_add_up_over_looks() -> None:
    def answer(value: float, at: float, note: Note | None = None) -> tuple[Gate, Note]:
        return said(OWN, heard(OWN, Measurement((Series({}, ((at, value),)),), at=at)), note)

    _, first = answer(2.0, START + 30)
    gate, same = answer(2.0, START + 30, first)
    assert (gate.verdict.outcome, same) == ("inconclusive", first)
    _, good = answer(0.5, START + 60, same)
    assert (good.outcome, good.failures) == ("passed", 1)
    gate, last = answer(2.0, START + 90, good)
    assert (gate.verdict.outcome, last.failures) == ("failed", 2)


def test_what_a_query_said_before_the_step_does_not_count() -> None:
    old = Note("o", "passed", "0.5", at=START - 5)
    assert said(OWN, heard(OWN, Measurement((), at=START - 5)), old)[0].verdict.outcome == "inconclusive"


def test_two_prometheus_that_read_the_same_routers() -> None:
    """Behind one address and not told apart by it: each request counts once."""
    twice = tuple(
        replace(one, labels={**one.labels, "prometheus_replica": replica})
        for one in GOOD.series
        for replica in ("prometheus-0", "prometheus-1")
    )
    both = replace(GOOD, series=twice)
    assert said(ERRORS, heard(ERRORS, both)) == said(ERRORS, heard(ERRORS, GOOD))
