"""Objectives: what clients of a model may expect. Gates of a rollout judge by them; alerts and scaling will."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.base import Name, Part, Rule
from tidegate.api.values import Duration, Percent, fraction, seconds

PERCENTILE = r"^([5-9][0-9](\.[0-9]{1,2})?)$"

Percentile = Annotated[str, Field(pattern=PERCENTILE, max_length=5)]


class ErrorRate(Part):
    """The share of requests that fail: answers of 5xx, 429 and 503 after all retries, and streams that end without their end."""

    max: Percent
    """Most that may fail."""

    rules: ClassVar = (
        Rule(
            "self.max.matches('[1-9]') && self.max != '100%'",
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

    rules: ClassVar = (
        Rule(
            "duration(self.max) >= duration('1ms') && duration(self.max) <= duration('24h')",
            "max must be between 1ms and 24h, for example 500ms",
            lambda v: 0.001 <= seconds(v.max) <= 86400,
            ".max",
        ),
    )


class Objective(Part):
    """One of them: exactly one of errorRate, timeToFirstToken and requestLatency."""

    name: Name
    """What it is called in status and messages."""
    error_rate: ErrorRate | None = None
    """The share of requests that fail."""
    time_to_first_token: Latency | None = None
    """From a request's first byte to the first token, of streams."""
    request_latency: Latency | None = None
    """From a request's first byte to its answer's last."""

    rules: ClassVar = (
        Rule(
            "[has(self.errorRate), has(self.timeToFirstToken), has(self.requestLatency)].filter(x, x).size() == 1",
            "an objective needs exactly one of errorRate, timeToFirstToken or requestLatency, for example errorRate: {max: 1%}",
            lambda o: sum(x is not None for x in (o.error_rate, o.time_to_first_token, o.request_latency)) == 1,
        ),
    )
