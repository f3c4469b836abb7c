"""How a new revision takes over."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api.base import Part, Rule
from tidegate.api.values import WHOLE_PERCENT, Duration, fraction, seconds

Traffic = Annotated[str, Field(pattern=WHOLE_PERCENT, max_length=7)]
"""A whole share between 1% and 99%."""


class Step(Part):
    """A share of the traffic that the new revision gets, and for how long."""

    traffic: Traffic
    """Share of the model's requests."""
    hold: Duration | None = None
    """Least time at this share, once every router sends it. Default: 10m; with approval 0s."""
    approval: Literal["Manual"] | None = None
    """Manual waits until a person says so: `kubectl annotate mdep/NAME tidegate.dev/promote=REVISION`."""

    @property
    def hold_seconds(self) -> float:
        """Least time, in seconds."""
        return seconds(self.hold or ("0s" if self.approval else "10m"))

    @property
    def share(self) -> int:
        """Percent."""
        return int(fraction(self.traffic) * 100)

    rules: ClassVar = (
        Rule(
            "!has(self.hold) || duration(self.hold) <= duration('168h')",
            "hold must be at most 168h, for example 10m",
            lambda s: s.hold is None or seconds(s.hold) <= 604_800,
            ".hold",
        ),
    )


DEFAULT_STEPS = [Step(traffic=f"{share}%") for share in (1, 5, 10, 25, 50)]


class Canary(Part):
    """Shares of the traffic, one after the other, then all of it."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=20)] = DEFAULT_STEPS
    """Ascending shares; the last one is followed by all of the traffic."""
    rules: ClassVar = (
        Rule(
            "!has(self.steps) || self.steps.map(s, int(s.traffic.replace('%', ''))).isSorted() && "
            "self.steps.all(s, self.steps.exists_one(o, o.traffic == s.traffic))",
            "steps must ascend, for example 1%, 5%, 25%",
            lambda c: [s.share for s in c.steps] == sorted({s.share for s in c.steps}),
            ".steps",
        ),
    )


class Rollout(Part):
    """How a new revision takes over. Without this block it does so when all of its engines answer."""

    paused: bool = False
    """true: nothing is promoted; the share stays."""
    canary: Canary = Canary()
    """Shares, one after the other. They need a RoutingPolicy that names the model: without one there is nobody to share the requests."""
