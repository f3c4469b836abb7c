"""One look at the objectives of a revision on trial: from what Prometheus answered to gates.

what there is                                            the gate
------------------------------------------------------   ----------------------------------------------------------------------
no Prometheus in the operator's settings                 error, and waiting does not help
no window is open, or its warm-up goes on                inconclusive
a question about some window was not answered yet        inconclusive: also after the operator began anew
a question cannot be asked or is no PromQL               error, and waiting does not help
a question has no answer                                 error
an answer with warnings                                  error: Prometheus says that a part of the data is missing
counts                                                   as plan/gates/judge.py says, over all windows
a number                                                 as plan/gates/custom.py says

A query is judged once for each answer that is a look of its own (notes.py); its words stay until the next. Once the candidate has all of
the requests there is nobody to compare it with: its limits alone are judged then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.api.objectives import Objective
from tidegate.api.rollout import Rollout
from tidegate.api.values import fraction, seconds
from tidegate.plan.gates import counters
from tidegate.plan.gates.counts import Gap, Step
from tidegate.plan.gates.custom import Answer, Bounds, judge_query
from tidegate.plan.gates.gaps import BOTH, gap
from tidegate.plan.gates.judge import Terms, judge
from tidegate.plan.gates.verdict import Verdict
from tidegate.plan.model.judging.notes import Note, Said, looked, said
from tidegate.plan.model.judging.questions import Pace, Rivals, edges, latency, question
from tidegate.plan.model.judging.windows import ALL, Window
from tidegate.plan.plan import ObjectKey, Query
from tidegate.plan.samples import Measurement, Sample, Samples, Series

HOPELESS: Final = frozenset({"setup", "query"})
"""Faults that do not pass by themselves."""
ROUTERS_OWN: Final = frozenset(
    {"__name__", "namespace", "policy", "route", "model", "backend", "revision", "pod", "outcome", "le"}
)
"""Labels that tell a router's counters apart; others say who read them."""
NO_PROMETHEUS: Final = "the operator knows no Prometheus; set prometheus.url of its chart"
ASKED: Final = Verdict("inconclusive", "Prometheus is being asked")
NOT_OPEN: Final = Verdict("inconclusive", "it gets no requests at present")


@dataclass(frozen=True)
class View:
    """What is the same for all objectives at this look."""

    rollout: Rollout
    windows: Sequence[Window]
    rivals: Rivals
    pace: Pace | None
    """None without a Prometheus."""
    about: ObjectKey
    samples: Samples
    routers: Mapping[str, float]
    """Router Pods that run, and since when, in Unix time."""
    now: float
    counted: int = 1
    """Objectives that count requests."""

    @property
    def interval(self) -> float:
        """Seconds between two looks."""
        return seconds(self.rollout.gates.interval)

    @property
    def alone(self) -> bool:
        """Whether the candidate has all of the requests."""
        return bool(self.windows) and self.windows[-1].share >= ALL


@dataclass(frozen=True)
class Heard:
    """What was answered about one window."""

    window: Window
    measurement: Measurement
    query: Query

    @property
    def edges(self) -> tuple[float, ...]:
        """Where the intervals meet that were asked for."""
        return edges(self.query, self.measurement.at)


def look(objectives: Sequence[Objective], notes: Sequence[Note], view: View) -> tuple[Said, ...]:
    """Each objective's gate, and what is to be remembered of it."""
    known = {note.name: note for note in notes}
    return tuple(_one(one, known.get(one.name, Note(one.name)), view) for one in objectives)


def _one(objective: Objective, note: Note, view: View) -> Said:
    if view.pace is None:
        return said(note, Verdict("error", NO_PROMETHEUS), hopeless=True)
    if not view.windows or view.windows[-1].end is not None:
        return said(note, NOT_OPEN)
    asked = [(w, question(objective, w, view.rivals, view.pace, view.about)) for w in view.windows]
    heard = [(w, q, view.samples.get(q)) for w, q in asked if q]
    if any(sample is None for _, _, sample in heard):
        return said(note, ASKED)
    found = [_heard(w, q.query, s) for w, q, s in heard if s and q.query]
    if fault := next((each.measurement for each in found if each.measurement.error), None):
        return looked(
            note, Verdict("error", fault.error), _at(found, view), view.interval, hopeless=fault.fault in HOPELESS
        )
    return _query(objective, note, found, view) if objective.query else _counts(objective, note, found, view)


def _heard(window: Window, query: Query, sample: Sample) -> Heard:
    said = sample.value if isinstance(sample.value, Measurement) and not sample.error else None
    return Heard(window, said or Measurement(fault="unreachable", error=sample.error or "no answer"), query)


def _at(found: Sequence[Heard], view: View) -> float:
    """When the newest answer was asked for; a failure that has no time is one of this moment."""
    return max((each.measurement.at for each in found), default=0.0) or view.now


def _counts(objective: Objective, note: Note, found: Sequence[Heard], view: View) -> Said:
    if found[-1].query.begin > found[-1].measurement.at:
        return said(note, Verdict("inconclusive", "its caches warm up"))
    verdict = judge([_step(objective, each, view) for each in found], _terms(objective, view))
    return looked(note, verdict, found[-1].measurement.at, view.interval)


def _step(objective: Objective, heard: Heard, view: View) -> Step:
    """The counts of one window; the newest one with what is missing."""
    series = [_series(each, objective, view.rivals) for each in heard.measurement.series]
    between = heard.edges
    known = counters.counts(series, between) if len(between) > 1 else ()
    missing = _missing(series, heard, view, between[-1]) if len(between) > 1 and not heard.window.end else None
    traffic = (
        None if view.rollout.canary.sticky_by else heard.window.share / 100
    )  # a few clients are no share of requests
    return Step((*known, missing) if missing else known, traffic)


def _missing(series: Sequence[counters.Series], heard: Heard, view: View, until: float) -> Gap | None:
    if heard.measurement.warnings:
        return Gap("error", f"Prometheus warns: {heard.measurement.warnings[0]}")
    return gap(series, view.routers, until, heard.query.scrape, ("candidate",) if view.alone else BOTH)


def _series(series: Series, objective: Objective, rivals: Rivals) -> counters.Series:
    labels = series.labels
    arm: counters.Arm = "candidate" if labels.get("revision") == rivals.candidate else "stable"
    place = "|".join(labels.get(label, "") for label in ("policy", "route", "backend"))
    scraper = "|".join(f"{label}={value}" for label, value in sorted(labels.items()) if label not in ROUTERS_OWN)
    return counters.Series(labels.get("pod", ""), arm, _part(labels, objective), series.points, place, scraper)


def _part(labels: Mapping[str, str], objective: Objective) -> counters.Part:
    if latency(objective):
        return "all" if labels.get("le") == "+Inf" else "good"
    return "bad" if labels.get("outcome") == "error" else "good"


def _terms(objective: Objective, view: View) -> Terms:
    canary, found = view.rollout.canary, latency(objective)
    compare = canary.compare_with_stable
    limit = found.slow if found else float(fraction(objective.error_rate.max)) if objective.error_rate else 0.0
    return Terms(
        bad=f"slower than {found.max}" if found else "errors",
        limit=limit,
        tolerance=None if view.alone else float(fraction(compare.tolerance)),
        confidence=float(fraction(compare.confidence)),
        min_requests=canary.min_requests,
        objectives=view.counted,
    )


def _query(objective: Objective, note: Note, found: Sequence[Heard], view: View) -> Said:
    answer, query = found[-1].measurement, objective.query
    begin = view.windows[-1].begin.timestamp()
    if not note.fresh(answer.at, view.interval) and note.at >= begin:
        return said(note, Verdict(note.outcome, note.words))  # type: ignore[arg-type]
    if query is None or answer.at < begin:
        return said(note, ASKED)
    values = [repr(series.points[-1][1]) for series in answer.series if series.points]
    lowest, highest = (None if bound is None else float(bound) for bound in (query.min, query.max))
    bounds = Bounds(lowest, highest, view.rollout.gates.failure_limit)
    verdict, failures = judge_query(Answer("vector", values), bounds, note.failures)
    return looked(replace(note, failures=failures), verdict, answer.at, view.interval)
