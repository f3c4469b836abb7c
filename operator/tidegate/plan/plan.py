"""A plan is a value: what to apply, what to delete, what to report, what to ask, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.plan.scaling.hung import Hung
from tidegate.plan.scaling.settings import Settings

Manifest = Mapping[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True)
class ObjectKey:
    """Which object: namespaced kinds only."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> ObjectKey:
        """The key of a manifest."""
        meta = manifest["metadata"]
        return cls(manifest["apiVersion"], manifest["kind"], meta["namespace"], meta["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Query:
    """PromQL, and about which time. Times are Unix times in seconds."""

    promql: str
    """`$(window)` in it is the time from `begin` until it is asked, as `90s`."""
    begin: float
    counted: bool = True
    """Whether points at the edges of intervals are asked for, or one number at the moment at which it is asked."""
    end: float | None = None
    """Until when; None: until now."""
    scrape: float = 15.0
    """Seconds between two scrapes."""
    interval: float = 30.0
    """Seconds that the intervals should have."""


@dataclass(frozen=True)
class Request:
    """An HTTP request to an engine."""

    path: str
    body: str
    """JSON; empty: a GET without one."""
    within: float
    """Seconds for the whole answer."""
    pattern: str = ""
    """A regular expression that is looked for in the answer."""


@dataclass(frozen=True)
class Question:
    """What the API server's watches do not tell, and an observer asks beside the passes."""

    about: ObjectKey
    """A router Pod, a CacheTier for its store, a model for what Prometheus counted, nodes (by the name of what they offer) for what they
    have left, or an object of which Events may tell what is the matter."""
    version: str = ""
    """Which one of that name, and which state of it: an answer about another one is none."""
    address: str = ""
    """Where to ask, for a router Pod."""
    query: Query | None = None
    """What Prometheus is asked."""
    smoke: Request | None = None
    """What the engine at `address` is asked, as a client would."""
    quiet: bool = False
    """Whether a new answer queues nobody: it is read when somebody looks anyway."""
    patience: float = field(default=0.0, compare=False)
    """Seconds before it is asked for the first time: most of what begins needs no question."""


@dataclass(frozen=True)
class Replica:
    """An engine that is read, so that its load is known. Times are Unix times in seconds."""

    uid: str
    """Of its Pod."""
    address: str
    created: float
    ready: float | None
    """Since when it answers; None: it starts."""
    draining: bool
    """It gets no new requests."""
    pod: str = ""
    """Name of its Pod."""
    image: str = ""
    """Of its engine."""


@dataclass(frozen=True)
class Eviction:
    """A Pod that is to go, by the API that heeds disruption budgets."""

    key: ObjectKey
    uid: str
    grace: int
    """Seconds from SIGTERM to SIGKILL."""


@dataclass(frozen=True)
class Cost:
    """What a Pod's deletion costs, for the ReplicaSet that has to choose one."""

    key: ObjectKey
    uid: str
    value: str
    """Empty: nothing is said."""


@dataclass(frozen=True)
class Footprint:
    """What one engine of a model needs of nodes."""

    spec: Manifest
    """Of its Pods."""
    resource: str
    """`nvidia.com/gpu`."""
    pods: int = 1
    """In a group."""
    together: bool = False
    """Whether all Pods of the model have to be on one node."""


@dataclass(frozen=True)
class Door:
    """A router that may hold requests of a model."""

    address: str
    leaves: bool
    """It takes no new ones, and those that it holds count."""


@dataclass(frozen=True)
class Scale:
    """What decides how many engines a model has, look by look, beside the passes."""

    settings: Settings | None
    """None: the spec says how many; engines are read all the same, to see whether they hang."""
    replicas: int
    """Engines that are asked for at present."""
    engines: tuple[Replica, ...]
    questions: Mapping[str, Question]
    """Of signals that Prometheus has, by their names."""
    memory: Mapping[str, Any]
    """What the status says was learned, for an operator that has just begun."""
    footprint: Footprint | None = None
    """What one more engine needs of nodes."""
    nodes: Question | None = None
    """What they have left; None: it needs no GPU, or there are to be no more."""
    placed: tuple[str, ...] = ()
    """Nodes of its Pods; empty of one that has none yet."""
    doors: tuple[Door, ...] = ()
    """Routers before a model that may have no engine."""
    days: Any = None
    """What was kept of yesterday, for the same."""
    hung: tuple[Hung, ...] = ()
    """Engines of which the status says that they hang, for the same."""
    obeyed: bool = True
    """Whether a pass does what is decided; else somebody else reads it."""


@dataclass(frozen=True)
class Plan:
    """What should be done about one custom resource, in this order: status, costs, apply, delete, evict, handover."""

    status: Manifest
    """The whole status block."""
    apply: tuple[Manifest, ...] = ()
    """Objects as they should be, owner references included."""
    delete: tuple[ObjectKey, ...] = ()
    """Children that nothing wants any more."""
    needs: Mapping[ObjectKey, frozenset[ObjectKey]] = field(default_factory=dict)
    """Of an object to apply or delete: others to apply without which it has to wait."""
    ask: Mapping[Question, float] = field(default_factory=dict)
    """What to ask the world, and the seconds between two answers."""
    scale: Scale | None = None
    """What decides how many engines there are; None: the spec does."""
    costs: tuple[Cost, ...] = ()
    """What is written on Pods before anything is applied."""
    evict: tuple[Eviction, ...] = ()
    """Pods that are to be made anew, after the status says so."""
    handover: int | None = None
    """spec.replicas that is written once, after all else, for whoever is to write it from then on."""
    again: bool = False
    """The plan could not be made whole before a part of it is there, because a child needs another one's uid."""
    next_check: float | None = None
    """Seconds until a timer of the plan's is due; None waits for an event or an answer."""
    reasons: tuple[str, ...] = ()
    """Sentences for the log: why this plan does something."""
