"""Who is left alone for a while."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.base import Part, Rule
from tidegate.api.values import Duration, seconds


class CircuitBreaker(Part):
    """When an engine, or an address of a provider, that answers with errors is left alone for a while."""

    consecutive_errors: Annotated[int, Field(ge=1, le=1000)] = 5
    """Answers of 5xx in a row."""
    eject_for: Duration = "60s"
    """Then it gets no requests for so long; afterwards it is asked again as all others are, and left alone for as long once more each
    time that it goes on with errors, up to six times this. One that cannot be reached is left alone as long, after two attempts.
    Where nobody else is asked afterwards, some engines always are."""

    rules: ClassVar = (
        Rule(
            "!has(self.ejectFor) || (duration(self.ejectFor) >= duration('1s') && duration(self.ejectFor) <= duration('1h'))",
            "ejectFor must be between 1s and 1h, for example 60s",
            lambda c: 1 <= seconds(c.eject_for) <= 3600,
            ".ejectFor",
        ),
    )
