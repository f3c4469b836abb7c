"""Objectives: what clients of a model may expect. A rollout judges a new revision by them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from tidegate.api import promql
from tidegate.api.base import KEYED_BY_NAME, Name, Part, Rule
from tidegate.api.values import Duration, Percent, fraction, seconds

PERCENTILE = r"^[5-9][0-9](\.[0-9]{1,2})?$"
NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$"
MOST: Final = 16

Percentile = Annotated[str, Field(pattern=PERCENTILE, max_length=5)]
Number = Annotated[str, Field(pattern=NUMBER, max_length=26)]


class ErrorRate(Part):
    """The share of requests that fail: answers of 5xx, 429 and 503 after all retries, and streams that end without their end."""

    max: Percent
    """Most that may fail."""
    rules: ClassVar = (
        Rule(
            "self.max.matches('[1-9]') && !self.max.startsWith('100')",
            "max must be above 0% and below 100%, for example 1%",
            lambda e: 0 < fraction(e.max) < 1,
            ".max",
        ),
    )


class Latency(Part):
    """A percentile of a time: `{percentile: "95", max: 500ms}` says that at most 5 of 100 requests may take longer than 500 ms."""

    percentile: Percentile
    """50 to 99.99."""
    max: Duration
    """Most that it may be."""

    @property
    def bound(self) -> float:
        """Seconds."""
        return seconds(self.max)

    @property
    def slow(self) -> float:
        """The share of requests (0 to 1) that may take longer."""
        return float(1 - fraction(self.percentile))

    rules: ClassVar = (
        Rule(
            "duration(self.max) >= duration('1ms') && duration(self.max) <= duration('24h')",
            "max must be between 1ms and 24h, for example 500ms",
            lambda v: 0.001 <= seconds(v.max) <= 86400,
            ".max",
        ),
    )


class Query(Part):
    """A number of your own, which Prometheus computes."""

    prom_ql: Annotated[str, Field(alias="promQL", min_length=1, max_length=4096)]
    """A query that gives one number: a scalar, or a vector of one series. `$(namespace)`, `$(name)`, `$(revision)`, `$(stable)` and
    `$(window)`, the time since the step began, are filled in."""
    min: Number | None = None
    """Least that it may be."""
    max: Number | None = None
    """Most that it may be."""
    rules: ClassVar = (
        Rule(
            "has(self.min) || has(self.max)",
            'a query needs a bound: min: "0.9", max: "5", or both',
            lambda q: q.min is not None or q.max is not None,
        ),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "min must not be above max",
            lambda q: q.min is None or q.max is None or float(q.min) <= float(q.max),
            ".min",
        ),
        Rule(
            "",
            "a blank is one of $(namespace), $(name), $(revision), $(stable), $(window) and nothing else",
            lambda q: not promql.problem(q.prom_ql),
            ".promQL",
        ),
    )


class Objective(Part):
    """One of them, of exactly one kind."""

    name: Name
    """What it is called in the status."""
    error_rate: ErrorRate | None = None
    """The share of requests that fail."""
    time_to_first_token: Latency | None = None
    """From a request's first byte to the first token, of streams."""
    request_latency: Latency | None = None
    """From a request's first byte to its answer's last, of requests that went well."""
    query: Query | None = None
    """A number of your own."""
    rules: ClassVar = (
        Rule(
            "[has(self.errorRate), has(self.timeToFirstToken), has(self.requestLatency), has(self.query)].filter(x, x).size() == 1",
            "an objective needs exactly one of errorRate, timeToFirstToken, requestLatency or query, for example errorRate: {max: 1%}",
            lambda o: (
                sum(x is not None for x in (o.error_rate, o.time_to_first_token, o.request_latency, o.query)) == 1
            ),
        ),
    )


_KEYED: dict[str, Any] = KEYED_BY_NAME
Objectives = Annotated[list[Objective], Field(max_length=MOST, json_schema_extra=_KEYED)]
