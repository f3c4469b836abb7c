"""How many engines there are, when that is decided by what they do."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import cron, providers
from tidegate.api.base import KEYED_BY_NAME, Name, Part, Rule, Words
from tidegate.api.objectives import Percentile
from tidegate.api.scaletozero import ScaleToZero
from tidegate.api.values import Duration, Percent, fraction, seconds

NUMBER = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"

Number = Annotated[str, Field(pattern=NUMBER, max_length=16)]
"""A decimal number that is not negative, in quotes: `"0.1"`."""

Replicas = Annotated[int, Field(ge=1, le=1000)]


class QueueDepth(Part):
    """Requests that wait: in the engines, and held by routers."""

    target: Annotated[int, Field(ge=1, le=100_000)]
    """Waiting requests per replica, from which on one more is started. A trigger and no ratio: a healthy engine queues nothing."""


class KvCacheUtilization(Part):
    """How full the engines' KV caches are, or their batches where those are full first."""

    target: Percent
    """Mean use that is never planned beyond. Small models get more room than this by themselves, because few requests fluctuate more."""

    rules: ClassVar = (
        Rule(
            "double(self.target.replace('%', '')) >= 1.0",
            "target must be between 1% and 100%, for example 80%",
            lambda k: fraction(k.target) >= Decimal("0.01"),
            ".target",
        ),
    )


def _latency(example: str) -> tuple[Rule, ...]:
    return (
        Rule(
            "duration(self.target) >= duration('1ms') && duration(self.target) <= duration('10m')",
            f"target must be between 1ms and 10m, for example {example}",
            lambda one: 0.001 <= seconds(one.target) <= 600,
            ".target",
        ),
    )


class TimeToFirstToken(Part):
    """Time until a request's first token, as routers measure it."""

    percentile: Percentile
    """Share of the requests that are at least as fast, in percent: 50 to 99.99."""
    target: Duration
    """Above it one more is started, when nothing starts and the engines are at least 30 % full."""

    rules: ClassVar = _latency("500ms")


class TimePerOutputToken(Part):
    """Time from one token to the next."""

    percentile: Percentile
    """Share of the requests that are at least as fast, in percent: 50 to 99.99."""
    target: Duration
    """Above it one more is started, when nothing starts and the engines are at least 30 % full."""

    rules: ClassVar = _latency("50ms")


class RequestsPerReplica(Part):
    """Requests under way: running, waiting and held."""

    target: Annotated[int, Field(ge=1, le=100_000)]
    """For each replica."""


class QueryPerReplica(Part):
    """A number from Prometheus."""

    prom_ql: Annotated[str, Field(alias="promQL", min_length=1, max_length=4096)]
    """A query that gives one number, a total over all replicas. It is asked as it is."""
    target: Number
    """For each replica: the answer divided by it is how many there should be."""

    rules: ClassVar = (
        Rule(
            "double(self.target) > 0.0",
            'target must be above 0, for example "20"',
            lambda q: Decimal(q.target) > 0,
            ".target",
        ),
    )


_KINDS = (
    "queueDepth",
    "kvCacheUtilization",
    "timeToFirstToken",
    "timePerOutputToken",
    "requestsPerReplica",
    "query",
)


class Signal(Part):
    """What is looked at, beside the load that always is: exactly one kind."""

    name: Name
    """Name, for the status."""
    queue_depth: QueueDepth | None = None
    """Requests that wait."""
    kv_cache_utilization: KvCacheUtilization | None = None
    """How full the engines are."""
    time_to_first_token: TimeToFirstToken | None = None
    """A latency objective."""
    time_per_output_token: TimePerOutputToken | None = None
    """A latency objective."""
    requests_per_replica: RequestsPerReplica | None = None
    """Requests under way."""
    query: QueryPerReplica | None = None
    """A number from Prometheus."""

    rules: ClassVar = (
        Rule(
            f"[{', '.join(f'has(self.{kind})' for kind in _KINDS)}].filter(x, x).size() == 1",
            f"a signal is exactly one of {', '.join(_KINDS[:-1])} or {_KINDS[-1]}, for example queueDepth: {{target: 5}}",
            lambda s: len(_given(s)) == 1,
        ),
    )

    @property
    def kind(self) -> str:
        """As it is written."""
        return _given(self)[0]


def _given(signal: Signal) -> list[str]:
    fields = type(signal).model_fields.items()
    return [str(field.alias) for name, field in fields if name != "name" and getattr(signal, name) is not None]


class ScalingPolicy(Part):
    """A limit on how fast, as in autoscaling/v2."""

    type: Literal["Pods", "Percent"]
    """Pods are replicas here, whatever one consists of."""
    value: Annotated[int, Field(ge=1, le=1_000_000)]
    """Replicas, or percent of what there was at the begin of the period."""
    period_seconds: Annotated[int, Field(ge=1, le=1800)]
    """Length of the period."""


class Direction(Part):
    """One direction, as in autoscaling/v2."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """Of the answers of this window the one counts that changes least. Default: up 0; down as long as an engine takes to start, from 180
    to 600."""
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    """Which policy counts; Disabled forbids this direction."""
    policies: Annotated[list[ScalingPolicy], Field(min_length=1, max_length=8)] | None = None
    """Limits. Default: none."""
    tolerance: Number | None = None
    """Up: by how much a signal must ask for more than there is. Down: how much more than was seen the rest must be able to carry. Default:
    up 0, down 0.1."""

    rules: ClassVar = (
        Rule(
            "!has(self.tolerance) || double(self.tolerance) <= 1.0",
            'tolerance is a part of what there is and must be at most "1", for example "0.1"',
            lambda d: d.tolerance is None or Decimal(d.tolerance) <= 1,
            ".tolerance",
        ),
    )


class Behavior(Part):
    """How fast and how readily replicas come and go: autoscaling/v2's own shape and meaning."""

    scale_up: Direction = Direction()
    """More replicas. Default: at once, without a limit."""
    scale_down: Direction = Direction()
    """Fewer replicas."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.scaleUp) && has(self.scaleUp.selectPolicy) && self.scaleUp.selectPolicy == 'Disabled' && "
            "has(self.scaleDown) && has(self.scaleDown.selectPolicy) && self.scaleDown.selectPolicy == 'Disabled')",
            "selectPolicy Disabled in both directions forbids everything; leave autoscaling out, and set spec.replicas",
            lambda b: not (b.scale_up.select_policy == b.scale_down.select_policy == "Disabled"),
        ),
    )


class Schedule(Part):
    """More replicas from a time on, for a while."""

    name: Name
    """Name, for the status."""
    cron: Annotated[str, Field(min_length=9, max_length=128)]
    """When it begins: minute, hour, day of the month, month and day of the week, as `0 8 * * 1-5`."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    """Whose clocks, as `Europe/Berlin`."""
    duration: Duration
    """How long it lasts."""
    min_replicas: Replicas
    """Fewest replicas meanwhile."""

    rules: ClassVar = (
        Rule(
            "duration(self.duration) >= duration('1m') && duration(self.duration) <= duration('168h')",
            "duration must be between 1m and 168h, for example 10h",
            lambda s: 60 <= seconds(s.duration) <= 604_800,
            ".duration",
        ),
        Rule(
            "",
            "cron and timeZone must name times that come, for example 0 8 * * 1-5 and Europe/Berlin",
            lambda s: not cron.wrong(s.cron, s.time_zone),
            ".cron",
            Words("", lambda s: cron.wrong(s.cron, s.time_zone)),
        ),
    )


_OVERLAP = (
    "schedules {} and {} are in force together, for the first time on {}; only one may be, so shorten or merge them"
)


class Autoscaling(Part):
    """How many replicas there are, decided by what they do: by their load, and by the signals."""

    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Fewest replicas; 0 with scaleToZero."""
    max_replicas: Replicas
    """Most replicas."""
    provider: Literal["Operator", "HPA", "KEDA"] = "Operator"
    """Who decides. HPA: a HorizontalPodAutoscaler, and KEDA: a ScaledObject, which are made for it; they write spec.replicas. Without signals
    they follow what the operator would ask for."""
    signals: Annotated[list[Signal], Field(max_length=8, json_schema_extra=KEYED_BY_NAME)] = []
    """What is looked at beside the load; the largest answer wins. The load is what is under way and what arrives, against what an engine was
    seen to carry, so that none is needed."""
    headroom: Literal["None", "Lean", "Standard", "Strict"] = "Standard"
    """Replicas in reserve for what comes faster than engines start, learned from this model's own shortfalls: the dial of cost against
    misses."""
    forecast: Literal["Yesterday", "None"] = "Yesterday"
    """Yesterday starts replicas before the hour at which they were needed a day ago; it never keeps any from starting."""
    schedules: Annotated[list[Schedule], Field(max_length=16, json_schema_extra=KEYED_BY_NAME)] = []
    """More replicas at known hours."""
    behavior: Behavior = Behavior()
    """How fast and how readily. With provider HPA or KEDA it is passed on as it is, and what is left out is autoscaling/v2's default."""
    scale_to_zero: ScaleToZero | None = None
    """No replica while nobody asks, and requests that wait for the first one; with minReplicas 0."""
    rules: ClassVar = (
        *providers.RULES,
        Rule(
            "(has(self.minReplicas) ? self.minReplicas : 1) <= self.maxReplicas",
            "minReplicas must be at most maxReplicas",
            lambda a: a.min_replicas <= a.max_replicas,
            ".minReplicas",
        ),
        Rule(
            "has(self.scaleToZero) || !has(self.minReplicas) || self.minReplicas > 0",
            "minReplicas 0 needs scaleToZero, or requests for a model without replicas would be refused; set minReplicas to 1, or add "
            "scaleToZero: {after: 10m, holdRequests: 120s}",
            lambda a: a.scale_to_zero is not None or a.min_replicas > 0,
            ".minReplicas",
        ),
        Rule(
            "!has(self.scaleToZero) || (has(self.minReplicas) && self.minReplicas == 0)",
            "scaleToZero needs minReplicas: 0; set it, or leave scaleToZero out",
            lambda a: a.scale_to_zero is None or a.min_replicas == 0,
            ".scaleToZero",
        ),
        Rule(
            "!has(self.schedules) || self.schedules.all(s, s.minReplicas <= self.maxReplicas)",
            "minReplicas of a schedule must be at most maxReplicas",
            lambda a: all(s.min_replicas <= a.max_replicas for s in a.schedules),
            ".schedules",
        ),
        Rule(
            "",
            "two schedules may not be in force together; shorten or merge them",
            lambda a: _overlap(a) is None,
            ".schedules",
            Words("", lambda a: _overlap(a) or ""),
        ),
    )


def _overlap(autoscaling: Autoscaling) -> str | None:
    """What is said about two schedules that are in force together; None: no two are, as far as `cron.overlap` looks."""
    known = [s for s in autoscaling.schedules if not cron.wrong(s.cron, s.time_zone)]
    spans = [cron.spans(s.cron, s.time_zone, seconds(s.duration)) for s in known]
    for i, one in enumerate(known):
        for j in range(i):
            at = cron.overlap(spans[i], spans[j])
            if at is not None:
                return _OVERLAP.format(known[j].name, one.name, cron.day(at, one.time_zone))
    return None


BESIDE_REPLICAS = Rule(
    "!has(self.autoscaling) || self.replicas == 1 || (has(self.autoscaling.provider) && self.autoscaling.provider != 'Operator')",
    "replicas stands beside autoscaling, which decides how many there are; leave replicas out, or set autoscaling.minReplicas. What an HPA or "
    "KEDA wrote while it was the provider is taken back with replicas: 1",
    lambda spec: spec.autoscaling is None or spec.replicas == 1 or spec.autoscaling.provider != providers.OPERATOR,
    ".replicas",
)
"""For ModelDeploymentSpec: an absent spec.replicas is 1, by its default."""
