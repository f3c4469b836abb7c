"""What Prometheus is asked about a revision on trial.

objective            counts                                    over each window
------------------   ---------------------------------------   -------------------------------------------------------------
errorRate            tidegate_requests_total, ok and error     from its first second
timeToFirstToken,    the bucket at the bound, and all of the   from the end of its warm-up; none that ended before that
  requestLatency       same histogram
query                what it says                              the one under way, as a number at each look

Series are read as the routers counted them, one by one: `increase()` extrapolates, and misses the first value of a series.
https://prometheus.io/docs/prometheus/latest/querying/functions/#increase
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.api import promql
from tidegate.api.objectives import Latency, Objective, Query
from tidegate.plan.gates import counters
from tidegate.plan.model.judging.windows import Window
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.plan import Query as Asked

TO_FIRST_TOKEN: Final = "tidegate_time_to_first_token_seconds"  # noqa: S105 - a metric, no secret
DURATION: Final = "tidegate_request_duration_seconds"
SELDOM: Final = 10
"""Of a window that is over the counts do not change; they are asked again this many times less often, for an operator that began anew."""


@dataclass(frozen=True)
class Rivals:
    """Whom it is about."""

    namespace: str
    model: str
    stable: str
    candidate: str

    @property
    def selector(self) -> str:
        """Label matchers of both."""
        return f'namespace="{self.namespace}",model="{self.model}",revision=~"{self.stable}|{self.candidate}"'


@dataclass(frozen=True)
class Pace:
    """Seconds."""

    interval: float
    """Between two looks."""
    scrape: float
    """Between two scrapes of a router."""
    warm_up: float


def latency(objective: Objective) -> Latency | None:
    """Of an objective about a time."""
    return objective.time_to_first_token or objective.request_latency


def question(objective: Objective, window: Window, rivals: Rivals, pace: Pace, about: ObjectKey) -> Question | None:
    """What is asked of one objective about one window; None where nothing is."""
    begin = window.begin.timestamp() + (pace.warm_up if latency(objective) else 0.0)
    end = window.end.timestamp() if window.end else None
    if (end is not None and begin >= end) or (objective.query and end is not None):
        return None
    written = _custom(objective.query, rivals) if objective.query else _counted(objective, rivals)
    asked = Asked(written, begin, objective.query is None, end, pace.scrape, pace.interval)
    return Question(about, query=asked, patience=pace.scrape if objective.query else 0.0)


def questions(
    objectives: Sequence[Objective],
    windows: Sequence[Window],
    rivals: Rivals,
    pace: Pace,
    about: ObjectKey,
    now: float,
) -> Iterator[tuple[Question, float]]:
    """Everything that is to be asked, with the seconds between two answers."""
    for window in windows:
        settled = (
            window.end is not None and now - window.end.timestamp() > pace.scrape + counters.MARGIN + pace.interval
        )
        for objective in objectives:
            if asked := question(objective, window, rivals, pace, about):
                yield asked, pace.interval * (SELDOM if settled else 1)


def edges(query: Asked, at: float) -> tuple[float, ...]:
    """Where the intervals meet about which a query that counts is asked at this moment, in Unix time; fewer than two: none is over."""
    until = counters.known_until(at, query.scrape)
    return counters.edges(
        query.begin, until if query.end is None else min(until, query.end), query.scrape, query.interval
    )


def _counted(objective: Objective, rivals: Rivals) -> str:
    found = latency(objective)
    if found is None:
        return f'tidegate_requests_total{{{rivals.selector},outcome=~"ok|error"}}'
    metric = TO_FIRST_TOKEN if objective.time_to_first_token else DURATION
    return f'{metric}_bucket{{{rivals.selector},le=~"{_bound(found.bound)}|[+]Inf"}}'


def _bound(seconds: float) -> str:
    """A bucket's label as any version of Prometheus writes it: `2` or `2.0`."""
    whole, _, part = repr(seconds).partition(".")
    return f"{whole}([.]0)?" if part == "0" else f"{whole}[.]{part}"


def _custom(query: Query, rivals: Rivals) -> str:
    """All but the window, which is known when it is asked."""
    values = {
        "namespace": rivals.namespace,
        "name": rivals.model,
        "stable": rivals.stable,
        "revision": rivals.candidate,
    }
    return promql.filled(query.prom_ql, {**values, "window": "$(window)"})
