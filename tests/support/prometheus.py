"""A Prometheus that has scraped one router: it answers the planner's questions from traffic that a test lets flow."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.plan.model.judging.questions import edges
from tidegate.plan.plan import Query
from tidegate.plan.samples import Fault, Measurement, Series

ROUTER = "chat-router-1"


@dataclass
class Scraped:
    """Requests by revision, second by second."""

    rate: float = 20.0
    """Requests a second of all revisions together."""
    bad: dict[str, float] = field(default_factory=dict)
    """The share of a revision's requests that fail and are slow."""
    number: float | None = 1.0
    """What every query of people's own gives; None: no series."""
    fault: Fault = ""
    points: list[tuple[float, dict[tuple[str, str], float]]] = field(default_factory=list)

    def flow(self, until: datetime, shares: Mapping[str, int]) -> None:
        """Requests come until then, shared as given (percent)."""
        now = until.timestamp()
        if not self.points:
            self.points.append((now, {}))
            return
        at, counted = self.points[-1]
        while at < now:
            at, counted = min(at + 1, now), dict(counted)
            for revision, share in shares.items():
                requests, bad = self.rate * share / 100, self.bad.get(revision, 0.0)
                for part, number in (("ok", requests * (1 - bad)), ("error", requests * bad), ("all", requests)):
                    counted[revision, part] = counted.get((revision, part), 0.0) + number
            self.points.append((at, counted))

    def answer(self, query: Query, now: datetime) -> Measurement:
        """As the operator's measure() would have it."""
        at = now.timestamp()
        if self.fault:
            return Measurement(fault=self.fault, error="Prometheus is out of order", at=at)
        if not query.counted:
            series = () if self.number is None else (Series({}, ((at, self.number),)),)
            return Measurement(series, at=at)
        found = edges(query, at)
        return Measurement(tuple(self._series(query, found)) if len(found) > 1 else (), at=at)

    def _series(self, query: Query, at: tuple[float, ...]) -> list[Series]:
        labels: dict[str, dict[str, str]] = (
            {"all": {"le": "+Inf"}, "ok": {"le": "0.5"}}
            if "_bucket" in query.promql
            else {"ok": {"outcome": "ok"}, "error": {"outcome": "error"}}
        )
        revisions = query.promql.partition('revision=~"')[2].partition('"')[0].split("|")
        return [
            Series(
                {"revision": revision, "pod": ROUTER, **label}, tuple((t, self._value(t, revision, part)) for t in at)
            )
            for revision in revisions
            for part, label in labels.items()
        ]

    def _value(self, at: float, revision: str, part: str) -> float:
        index = bisect_right(self.points, at, key=lambda point: point[0])
        return float(round(self.points[index - 1][1].get((revision, part), 0.0))) if index else 0.0
