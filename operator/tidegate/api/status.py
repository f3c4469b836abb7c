"""What we report: the status blocks of the three kinds. kstatus conditions first, then what each kind adds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tidegate.api import bounds
from tidegate.api.base import FREE_FORM, KEYED_BY_NAME, Part

Text = Annotated[str, Field(max_length=32768)]
Short = Annotated[str, Field(max_length=316)]
Count = Annotated[int, Field(ge=0)]
ModelName = Annotated[str, Field(max_length=bounds.SERVED_NAME)]
REVISIONS = 64
"""Live revisions of a model; a Retiring one stays for a minute or two, so 64 are more than people can make."""


class Condition(Part):
    """metav1.Condition, with kstatus' types: Ready, Reconciling, Stalled, and the kind's own."""

    type: Short
    """What the condition is about."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=1024)]
    """One CamelCase word for programs."""
    message: Text = ""
    """A sentence for people: what is the matter and what to do."""
    last_transition_time: Annotated[str, Field(max_length=40)]
    """When `status` last changed, RFC 3339 in UTC."""
    observed_generation: Count = 0
    """The generation of the spec that this was decided on."""


Conditions = Annotated[
    list[Condition],
    Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


class Status(Part):
    """What all kinds report."""

    observed_generation: Count = 0
    """The generation of the spec that this status speaks of."""
    conditions: Conditions = []
    """Ready, Reconciling, Stalled (kstatus), and the kind's own conditions."""


class RevisionStatus(Part):
    """One live revision of a model: a Deployment and its headless Service."""

    name: Short
    """Hash of what shapes its Pods, in one spelling; of how it was written in revisions of before 0.2."""
    role: Literal["Active", "Candidate", "Retiring"]
    """Active serves; Candidate starts; Retiring finishes its streams."""
    since: Annotated[str, Field(max_length=40)]
    """When it took this role, RFC 3339 in UTC."""
    traffic: Annotated[int, Field(ge=0, le=100)] = 0
    """Percent of the model's requests that it gets."""
    replicas: Count = 0
    """Engines that it should have."""
    answered: bool = False
    """Whether one of its engines has ever answered: then it stays until another revision does."""
    completed: bool = False
    """Whether all of its engines have ever answered at the same time."""
    silent_since: Annotated[str, Field(max_length=40)] | None = None
    """Of a Retiring one: since when no router says that it sends to it, and not all have left it, RFC 3339 in UTC."""
    incomplete_since: Annotated[str, Field(max_length=40)] | None = None
    """Since when fewer of its engines answer than should, RFC 3339 in UTC; absent while all do."""
    identity: Short | None = None
    """Hash of the values that shape its Pods; absent where it is the name."""
    served_names: Annotated[list[ModelName], Field(max_length=bounds.SERVED_NAMES)] = []
    """Model names that its engines answer to; the first is the one that routers send."""
    adapters: Annotated[list[Short], Field(max_length=bounds.ADAPTERS)] = []
    """LoRA adapters that its engines have loaded."""
    ready_replicas: Count = 0
    """Engines that answer."""
    workload: Literal["Deployment", "LeaderWorkerSet"] = "Deployment"
    """Kind of the object that runs it."""


class GateStatus(Part):
    """What an objective, or a smoke test, says of a revision on trial."""

    name: Short
    """Its name."""
    outcome: Literal["passed", "failed", "inconclusive", "no data", "error"]
    """Only `passed` promotes."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The figures behind it."""
    at: Annotated[str, Field(max_length=40)] | None = None
    """When it was last asked, RFC 3339 in UTC."""
    silent: Count = 0
    """Looks in a row without an answer."""
    failures: Count = 0
    """Looks at which a query was outside its bounds, in the whole rollout."""


class WindowStatus(Part):
    """A time in which every router sent the revision one share."""

    traffic: Annotated[int, Field(ge=0, le=100)]
    """Percent."""
    begin: Annotated[str, Field(max_length=40)]
    """When it began, RFC 3339 in UTC."""
    end: Annotated[str, Field(max_length=40)] | None = None
    """When another share was given; absent while it goes on."""


class PastRollout(Part):
    """A rollout that has ended."""

    revision: Short
    """The revision that was on trial."""
    result: Literal["Promoted", "RolledBack", "Superseded"]
    """It got all of the traffic; it was taken back; another change of the spec took its place."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """Why, with the figures."""
    began: Annotated[str, Field(max_length=40)]
    """When it began, RFC 3339 in UTC."""
    ended: Annotated[str, Field(max_length=40)]
    """When it ended, RFC 3339 in UTC."""


class RolloutStatus(Part):
    """The trial of a revision: the one that is under way, or the last one."""

    revision: Short
    """The revision that is on trial."""
    phase: Literal[
        "Starting", "Weighing", "Holding", "Waiting", "Paused", "Promoting", "Promoted", "RolledBack", "Superseded"
    ]
    """What it waits for: its engines, the routers, the step's hold, a gate or an approval, a person, all of its engines; or how it ended."""
    step: Count = 0
    """Steps that are behind it."""
    steps: Count = 0
    """Steps that there are."""
    share: Annotated[int, Field(ge=0, le=100)] | None = None
    """Percent that the step asks for at which it is; absent when all steps are behind it."""
    traffic: Annotated[int, Field(ge=0, le=100)] = 0
    """Percent of the model's requests that it gets while it is on trial."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """What it waits for, or why it was taken back, in words."""
    plan: Annotated[str, Field(max_length=4096)] | None = None
    """What is left to happen: engines and GPUs, whether nodes have them, time, and whether somebody goes without an answer."""
    surge: Count | None = None
    """Engines that there may be beside those that there should be, where whenFull is Swap; absent until it is decided."""
    pause: Literal["Spec", "GateFailed", "GateUnanswered", "ProgressDeadlineExceeded"] | None = None
    """Why it is Paused: spec.rollout.paused, an objective that is not met, one that has no answer, or one that was waited for too long."""
    gates: Annotated[list[GateStatus], Field(max_length=16, json_schema_extra=KEYED_BY_NAME)] = []
    """What the objectives said at the last look; before the switch of a blue/green, what its smoke tests said."""
    history: Annotated[list[PastRollout], Field(max_length=10)] = []
    """How the last rollouts ended, the newest first."""
    judged_by: Short | None = None
    """Hash of the objectives that it is judged by; others begin anew."""
    windows: Annotated[list[WindowStatus], Field(max_length=64)] = []
    """Over which times it is judged: those in which every router sent it one share."""
    began: Annotated[str, Field(max_length=40)] | None = None
    """When the trial began, RFC 3339 in UTC."""
    entered: Annotated[str, Field(max_length=40)] | None = None
    """When this step began."""
    confirmed: Annotated[str, Field(max_length=40)] | None = None
    """Since when every router sends this step's share."""
    held: Count | None = None
    """Seconds of this step's time that had gone by when the model was suspended; they count, and the time of the suspension does not."""
    abort: Annotated[str, Field(max_length=512)] | None = None
    """The last value of the annotation tidegate.dev/abort that was heeded."""
    retry: Annotated[str, Field(max_length=512)] | None = None
    """The last value of the annotation tidegate.dev/retry that was heeded."""
    promote: Annotated[str, Field(max_length=512)] | None = None
    """The value of the annotation tidegate.dev/promote when the trial began, which was for another one."""


class SignalStatus(Part):
    """What one signal, or one row of the load, asked for."""

    signal: Short
    """Its name; `under way`, `arrivals`, `burst`, `backlog` and `forecast` are the load's own."""
    replicas: Annotated[str, Field(max_length=32)] = ""
    """Replicas that it asks for, not rounded."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The figures behind it, or why it says nothing."""


class AutoscalingStatus(Part):
    """How many replicas there should be, and why: as it was when that changed last."""

    desired_replicas: Count
    """Replicas that there should be."""
    limit: Short = ""
    """What made them so many: Signal, Steady, NoMetrics, Window, LeastLife, Policy, GPUs, Max, Min, Schedule; with another provider, that."""
    provider: Literal["HPA", "KEDA"] | None = None
    """Who writes spec.replicas; absent while the operator decides."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """The same in words, with figures."""
    since: Annotated[str, Field(max_length=40)] | None = None
    """When this was written, RFC 3339 in UTC."""
    signals: Annotated[list[SignalStatus], Field(max_length=32)] = []
    """What each signal asked for then."""
    memory: Annotated[dict[str, Any], Field(json_schema_extra=FREE_FORM)] = {}
    """What was learned of this model: how much an engine carries, how long it takes to start. For the operator."""


class PrefixCacheStatus(Part):
    """What engines had computed before, of all their prompts of the last quarter of an hour or so; written anew when a share moves by five
    points."""

    hit_rate: Short = ""
    """Share of the prompts' tokens that GPUs still had, in whole percent."""
    external_hit_rate: Short | None = None
    """Share, of the tokens that they had not, that the tiers below them had (engine.kvOffload); absent where there is none."""


class HungEngine(Part):
    """An engine that makes no token although requests are under way."""

    pod: Annotated[str, Field(max_length=253)]
    """Name of its Pod."""
    address: Annotated[str, Field(max_length=64)] = ""
    """Its address, by which routers know it."""
    since: Annotated[str, Field(max_length=40)]
    """Since when, RFC 3339 in UTC."""
    out: bool = False
    """Whether routers send it nothing."""


class ModelDeploymentStatus(Status):
    """Status of a ModelDeployment."""

    ready: Short = ""
    """Engines of the active revision that answer, of those that should: `1/2`."""
    active_revision: Short | None = None
    """The revision that gets the traffic."""
    room_made_for: Short | None = None
    """The revision for which the annotation tidegate.dev/make-room has acted: it does so once."""
    autoscaling: AutoscalingStatus | None = None
    """How many replicas there should be, where that is decided by what they do."""
    rollout: RolloutStatus | None = None
    """The trial of the newest revision."""
    revisions: Annotated[list[RevisionStatus], Field(max_length=REVISIONS, json_schema_extra=KEYED_BY_NAME)] = []
    """Every live revision."""
    replicas: Count = 0
    """Engines that exist, of the revision that serves and of one on trial, at most as many as there should be; read by `/scale`."""
    ready_replicas: Count = 0
    """Engines of the active revision that answer."""
    desired_replicas: Count = 0
    """Engines of the active revision that should exist."""
    selector: Annotated[str, Field(max_length=512)] = ""
    """Label selector of the model's engines; read by `/scale`."""
    prefix_cache: PrefixCacheStatus | None = None
    """What engines had computed before; absent until a thousand tokens of prompts were read."""
    hung_engines: Annotated[list[HungEngine], Field(max_length=1000)] = []
    """Engines that make no token although requests are under way."""


class SentTo(Part):
    """A revision that routers send a backend's requests to."""

    name: Short
    """Name of the revision."""
    weight: Annotated[int, Field(ge=0, le=100)]
    """Percent of the backend's requests."""


class BackendStatus(Part):
    """A backend as the routers see it."""

    name: Short
    """Name of the backend."""
    model: Short = ""
    """The ModelDeployment that it stands for."""
    revisions: Annotated[list[SentTo], Field(max_length=bounds.SENT_REVISIONS, json_schema_extra=KEYED_BY_NAME)] = []
    """Revisions that its requests are sent to."""


class ConfigurationStatus(Part):
    """Which configuration the routers run."""

    hash: Short
    """Hash of the RouterConfig that the routers should run."""
    live: Count = 0
    """Ready router Pods whose Envoy runs it."""
    behind: Count = 0
    """Ready router Pods whose Envoy runs another one."""
    silent: Count = 0
    """Ready router Pods that do not say what they run."""
    reads: Count = 1
    """The newest documents that every router reads; a configuration that needs newer routers waits for them."""
    backends: Annotated[list[BackendStatus], Field(max_length=bounds.BACKENDS, json_schema_extra=KEYED_BY_NAME)] = []
    """Where the newest configuration sends requests."""
    older: Annotated[list[BackendStatus], Field(max_length=bounds.BACKENDS, json_schema_extra=KEYED_BY_NAME)] = []
    """Where other configurations sent them, which routers may still run; empty when every ready router runs the newest."""
    more: bool | None = None
    """Whether there are more of those than `older` has room for: routers may still send to any model of the namespace."""


class CacheUse(Part):
    """What a policy's routers keep in a tier, and what they answered from it: rounded, and since they began."""

    name: Short
    """Name of the CacheTier; in a CacheTier's status, of the RoutingPolicy."""
    entries: Count = 0
    """Answers in the routers' own memory."""
    size: Annotated[str, Field(max_length=32)] = ""
    """What they take."""
    store_size: Annotated[str, Field(max_length=32)] = ""
    """What answers take in the store, of all policies together."""
    memory_hits: Count = 0
    """Requests that were answered from a router's memory."""
    exact_hits: Count = 0
    """Those that were from the store."""
    semantic_hits: Count = 0
    """Those that were with the answer to a similar question."""
    misses: Count = 0
    """Those that could have been, and were asked of an engine."""
    exact_only: bool = False
    """Whether no answers to similar questions are given at the moment, because too many were wrong."""
    false_hits: Short = ""
    """Share of these that were wrong, of those that were looked at, with its 95 % interval."""


class RoutingPolicyStatus(Status):
    """Status of a RoutingPolicy."""

    ready: Short = ""
    """Router Pods that answer, of those that should: `2/2`."""
    address: Annotated[str, Field(max_length=512)] = ""
    """Where clients inside the cluster reach the router; empty while the Service of that name leads elsewhere."""
    replicas: Count = 0
    """Router Pods that exist; read by `/scale`."""
    ready_replicas: Count = 0
    """Router Pods that answer."""
    selector: Annotated[str, Field(max_length=512)] = ""
    """Label selector of the router Pods; read by `/scale`."""
    models: Annotated[list[ModelName], Field(max_length=bounds.ROUTES * bounds.ROUTE_MODELS)] = []
    """Public model names."""
    configuration: ConfigurationStatus | None = None
    """Which configuration the routers run."""
    caches: Annotated[list[CacheUse], Field(max_length=bounds.ROUTES, json_schema_extra=KEYED_BY_NAME)] = []
    """What its routers keep, by CacheTier."""


class CacheTierStatus(Status):
    """Status of a CacheTier."""

    address: Annotated[str, Field(max_length=512)] = ""
    """Host and port of the store, without credentials."""
    version: Short = ""
    """Server and version of the store, as it says itself."""
    eviction_policy: Short = ""
    """What the store throws out when its memory is full, in its own words; `noeviction` is nothing, which limits need."""
    policies: Annotated[list[CacheUse], Field(max_length=bounds.TIER_POLICIES, json_schema_extra=KEYED_BY_NAME)] = []
    """Policies whose routes name it, with what their routers keep."""
