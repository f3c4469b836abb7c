"""How a new revision takes over."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api.base import KEYED_BY_NAME, Part, Rule
from tidegate.api.smoke import SmokeTest
from tidegate.api.values import WHOLE_PERCENT, Duration, HeaderName, Percent, fraction, seconds

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


CONFIDENCE = r"^(8[0-9]|9[0-9])(\.[0-9]{1,2})?%$"


class CompareWithStable(Part):
    """How the new revision is judged against the old one, over the same time."""

    tolerance: Percent = "10%"
    """How much worse it may be: a part of the old one's share of bad requests, or of the objective's limit, whichever is more."""
    confidence: Annotated[Percent, Field(pattern=CONFIDENCE)] = "95%"
    """At most the rest of all rollouts of a revision that is no worse are taken back, all looks, steps and objectives of a rollout
    together. 80% to 99.99%."""


class StickyHeader(Part):
    """A header whose value says who asks."""

    name: HeaderName
    """Its name, for example x-user-id."""


class StickyClient(Part):
    """The key that a client shows (`authorization`, else `x-api-key`), else its address."""


class StickyBy(Part):
    """What makes two requests one client's."""

    header: StickyHeader | None = None
    """The value of a header. Requests without it go by the weights alone."""
    client: StickyClient | None = None
    """The client's key or address."""
    rules: ClassVar = (
        Rule(
            "has(self.header) != has(self.client)",
            "stickyBy needs exactly one of header or client, for example header: {name: x-user-id}",
            lambda s: (s.header is None) != (s.client is None),
        ),
    )


class Canary(Part):
    """Shares of the traffic, one after the other, then all of it."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=20)] = DEFAULT_STEPS
    """Ascending shares; the last one is followed by all of the traffic."""
    min_requests: Annotated[int, Field(ge=10, le=1_000_000, json_schema_extra={"default": 100})] = 100
    """Requests of either revision in a step, without which an objective is not met."""
    warm_up: Duration = "3m"
    """Time at the beginning of a step that does not count against latency, because caches are cold."""
    sticky_by: StickyBy | None = None
    """Clients stay with one revision: while the share grows, some move to the new one, and none back. Default: each request for itself."""
    compare_with_stable: CompareWithStable = CompareWithStable()
    """How it is judged against the old revision."""
    rules: ClassVar = (
        Rule(
            "!has(self.steps) || self.steps.map(s, int(s.traffic.replace('%', ''))).isSorted() && "
            "self.steps.all(s, self.steps.exists_one(o, o.traffic == s.traffic))",
            "steps must ascend, for example 1%, 5%, 25%",
            lambda c: [s.share for s in c.steps] == sorted({s.share for s in c.steps}),
            ".steps",
        ),
        Rule(
            "!has(self.warmUp) || duration(self.warmUp) <= duration('24h')",
            "warmUp must be at most 24h, for example 3m",
            lambda c: seconds(c.warm_up) <= 86400,
            ".warmUp",
        ),
    )


class BlueGreen(Part):
    """All engines of the new revision beside all of the old one, then one switch, and a way back for a while."""

    smoke_tests: Annotated[list[SmokeTest], Field(max_length=16, json_schema_extra=KEYED_BY_NAME)] = []
    """Requests that it must answer before anybody else asks it."""
    approval: Literal["Automatic", "Manual"] = "Automatic"
    """Manual waits before the switch until a person says so: `kubectl annotate mdep/NAME tidegate.dev/promote=REVISION/0%`."""
    keep_previous: Duration = "30m"
    """Time for which the old revision stays with all of its engines after the switch: the way back is one change of weights. It needs a
    RoutingPolicy that names the model. `spec.objectives` are looked at meanwhile."""
    rules: ClassVar = (
        Rule(
            "!has(self.keepPrevious) || duration(self.keepPrevious) <= duration('168h')",
            "keepPrevious must be at most 168h, for example 30m",
            lambda b: seconds(b.keep_previous) <= 604_800,
            ".keepPrevious",
        ),
    )


class RollingUpdate(Part):
    """New engines take the place of old ones, a few at a time, as in a Deployment."""

    max_surge: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"default": 1})] = 1
    """Engines that there may be more than `replicas`."""
    max_unavailable: Annotated[int, Field(ge=0, le=1000)] = 0
    """Engines that there may be fewer. With maxSurge 0 it needs no GPU more than there are."""
    rules: ClassVar = (
        Rule(
            "(has(self.maxSurge) ? self.maxSurge : 1) + (has(self.maxUnavailable) ? self.maxUnavailable : 0) > 0",
            "maxSurge and maxUnavailable may not both be 0; where no GPU is free write maxSurge: 0 and maxUnavailable: 1",
            lambda r: r.max_surge + r.max_unavailable > 0,
        ),
    )


class Capacity(Part):
    """What a rollout does where GPUs are few."""

    max_surge_gpus: Annotated[int, Field(ge=1, le=64_000)] | None = Field(default=None, alias="maxSurgeGPUs")
    """GPUs that a rollout may take beyond those of `replicas` engines: at least those of one engine. Where they are fewer than it would take,
    new engines take the place of old ones, one after the other. Default: as many as there are old engines."""
    when_full: Literal["Wait", "Swap"] = "Wait"
    """What happens where no node has GPUs left for engines beside the old ones. Wait: the new engines wait for GPUs, and every old one
    stays. Swap: an old engine leaves for each new one, so that there is one fewer while it starts. A model of one engine always waits:
    nobody would answer meanwhile, which is strategy Recreate."""


class Gates(Part):
    """When the objectives are looked at, and what becomes of a rollout that does not meet them."""

    interval: Duration = "30s"
    """Time between two looks. Requests are counted in intervals as long as this, 30s at most and two scrapes at least."""
    failure_limit: Annotated[int, Field(ge=0, le=1000)] = 0
    """Looks at which a query may be outside its bounds, in a whole rollout, and wrong answers to a smoke test. Other objectives count
    requests and need no such limit."""
    no_data_limit: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"default": 10})] = 10
    """Looks in a row without an answer after which the rollout stops and waits for a person. It is never taken back for want of data."""
    on_failure: Literal["Rollback", "Pause"] = "Rollback"
    """Rollback sends everybody to the old revision at once; Pause keeps the share until a person decides."""
    rules: ClassVar = (
        Rule(
            "!has(self.interval) || (duration(self.interval) >= duration('5s') && duration(self.interval) <= duration('1h'))",
            "interval must be between 5s and 1h, for example 30s",
            lambda g: 5 <= seconds(g.interval) <= 3600,
            ".interval",
        ),
    )


SHARING: Final = frozenset({"Canary", "RollingUpdate"})
"""Strategies that give both revisions requests at the same time."""


class Rollout(Part):
    """How a new revision takes over. Without this block it does so when all of its engines answer."""

    strategy: Literal["Canary", "BlueGreen", "RollingUpdate", "Recreate"] = "Canary"
    """Canary: a growing share of the requests, with all old engines until the end. BlueGreen: all engines first, then all of the requests
    at once. RollingUpdate: a few engines at a time, also where no GPU is free. Recreate: the old engines leave first, and nobody answers
    until a new one does."""
    paused: bool = False
    """true: nothing is promoted; the share stays."""
    canary: Canary = Canary()
    """Shares, one after the other. They need a RoutingPolicy that names the model: without one there is nobody to share the requests."""
    blue_green: BlueGreen = BlueGreen()
    """What comes before the switch, and after it; with strategy BlueGreen."""
    rolling_update: RollingUpdate = RollingUpdate()
    """How many engines at a time; with strategy RollingUpdate."""
    capacity: Capacity = Capacity()
    """What a rollout does where GPUs are few; with strategy Canary or RollingUpdate."""
    gates: Gates = Gates()
    """Looks at `spec.objectives`."""
    progress_deadline: Duration = "2h"
    """Time for which a step may wait for its objectives; then the rollout stops and waits for a person. 0s: for ever."""
    rules: ClassVar = (
        Rule(
            "!has(self.blueGreen) || has(self.strategy) && self.strategy == 'BlueGreen'",
            "blueGreen is for strategy BlueGreen; write strategy: BlueGreen, or leave it out",
            lambda r: "blue_green" not in r.model_fields_set or r.strategy == "BlueGreen",
            ".blueGreen",
        ),
        Rule(
            "!has(self.rollingUpdate) || has(self.strategy) && self.strategy == 'RollingUpdate'",
            "rollingUpdate is for strategy RollingUpdate; write strategy: RollingUpdate, or leave it out",
            lambda r: "rolling_update" not in r.model_fields_set or r.strategy == "RollingUpdate",
            ".rollingUpdate",
        ),
        Rule(
            "!has(self.strategy) || self.strategy == 'Canary' || !has(self.canary) || !has(self.canary.steps)",
            "canary.steps are for strategy Canary; leave them out, or write strategy: Canary",
            lambda r: r.strategy == "Canary" or "steps" not in r.canary.model_fields_set,
            ".canary.steps",
        ),
        Rule(
            "!has(self.canary) || !has(self.canary.stickyBy) || !has(self.strategy) || self.strategy in ['Canary', 'RollingUpdate']",
            "stickyBy is for shares that grow, and here all requests move at once; leave it out, or write strategy: Canary",
            lambda r: r.canary.sticky_by is None or r.strategy in SHARING,
            ".canary.stickyBy",
        ),
        Rule(
            "!has(self.canary) || !has(self.canary.compareWithStable) || !has(self.canary.compareWithStable.tolerance) || "
            "!has(self.strategy) || self.strategy in ['Canary', 'RollingUpdate']",
            "tolerance is about two revisions that have requests at the same time, and here only one has them; leave it out, or write "
            "strategy: Canary",
            lambda r: "tolerance" not in r.canary.compare_with_stable.model_fields_set or r.strategy in SHARING,
            ".canary.compareWithStable.tolerance",
        ),
        Rule(
            "!has(self.capacity) || !has(self.strategy) || self.strategy in ['Canary', 'RollingUpdate']",
            "capacity is for strategies Canary and RollingUpdate: BlueGreen needs all engines twice, and Recreate none beside the old ones; "
            "leave it out",
            lambda r: "capacity" not in r.model_fields_set or r.strategy in SHARING,
            ".capacity",
        ),
        Rule(
            "!has(self.progressDeadline) || duration(self.progressDeadline) <= duration('720h')",
            "progressDeadline must be at most 720h; 0s is none",
            lambda r: seconds(r.progress_deadline) <= 2_592_000,
            ".progressDeadline",
        ),
    )
