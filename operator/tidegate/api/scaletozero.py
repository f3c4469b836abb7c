"""A model that nobody asks for, without engines."""

from __future__ import annotations

from typing import ClassVar

from tidegate.api.base import Part, Rule
from tidegate.api.values import Duration, seconds


class ScaleToZero(Part):
    """The last replica leaves when nobody asks; requests then wait at the router for the first one."""

    after: Duration = "10m"
    """How long nobody has asked when the last replica leaves."""
    hold_requests: Duration = "120s"
    """How long a request waits at most for the first replica. Then it is answered as one for a model without engines: 503, try again."""

    rules: ClassVar = (
        Rule(
            "!has(self.after) || (duration(self.after) >= duration('10s') && duration(self.after) <= duration('168h'))",
            "after must be between 10s and 168h, for example 10m",
            lambda z: 10 <= seconds(z.after) <= 604_800,
            ".after",
        ),
        Rule(
            "!has(self.holdRequests) || (duration(self.holdRequests) >= duration('1s') && duration(self.holdRequests) <= duration('1h'))",
            "holdRequests must be between 1s and 1h, for example 120s: about as long as an engine takes to start",
            lambda z: 1 <= seconds(z.hold_requests) <= 3600,
            ".holdRequests",
        ),
    )
