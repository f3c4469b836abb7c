"""What the planner may see: frozen snapshots of the custom resource and of everything around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.names import ANY_ADDRESS
from tidegate.plan.plan import Manifest
from tidegate.plan.samples import Samples
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.gaps import Gap
from tidegate.plan.scaling.hung import Hung, Load
from tidegate.plan.scaling.prefixes import Rates


@dataclass(frozen=True)
class Defaults:
    """What the operator is configured with; part of a revision's rendered template, never of its hash."""

    version: str
    """Version of the operator."""
    engine_image: str
    """Image of vLLM."""
    envoy_image: str
    """Image of Envoy."""
    brain_image: str
    """Image of the operator, which the brain shares."""
    store_image: str
    """Image of Valkey."""
    bind_address: str = ANY_ADDRESS
    """Where engines and routers listen."""
    assign_user: bool = True
    """Whether Pods name their user and groups; False where the platform assigns them, as OpenShift does."""
    log_format: str = "text"
    """How the routers' brains log: text or json."""
    operator_namespace: str = "tidegate-system"
    """Where the operator runs, from which it asks engines and stores."""
    engine_peers: tuple[Manifest, ...] | None = None
    """NetworkPolicyPeers that may reach engines besides routers and the operator; None where everybody may."""
    keda_authentication: str = ""
    """ClusterTriggerAuthentication with which KEDA asks Prometheus; empty where that asks for nothing."""


@dataclass(frozen=True)
class Capabilities:
    """Optional kinds that the cluster has at present."""

    pod_monitor: bool = False
    leader_worker_set: bool = False
    scaled_object: bool = False


@dataclass(frozen=True)
class ModelWorld:
    """Around a ModelDeployment."""

    owner: Manifest
    """The custom resource."""
    defaults: Defaults
    capabilities: Capabilities = Capabilities()
    children: tuple[Manifest, ...] = ()
    """Objects that it controls, and claims that it left behind on purpose."""
    pods: tuple[Manifest, ...] = ()
    """Its engines."""
    policies: tuple[Manifest, ...] = ()
    """RoutingPolicies of the namespace that name it."""
    beyond: tuple[Manifest, ...] = ()
    """Others, whose status has no room for all that their routers may still send to."""
    routers: tuple[Manifest, ...] = ()
    """Their router Pods."""
    beside: Manifest | None = None
    """The RoutingPolicy that it names for a router in its Pods, whatever that one says."""
    samples: Samples = field(default_factory=dict)
    """What Events said of Pods that do not start, and what Prometheus counted."""
    scrape: float | None = None
    """Seconds between two scrapes of a router; None when the operator knows no Prometheus."""
    scaled: Decision | None = None
    """How many engines there should be by what they do, at the newest look; None before the first."""
    hung: tuple[Hung, ...] | None = None
    """Engines that hang, as far as was read; None while nobody reads them."""
    gaps: tuple[Gap, ...] | None = None
    """What it should be decided by and cannot be; None before the first look."""
    loads: Mapping[str, Load] = field(default_factory=dict)
    """What engines had under way at their last reading, by their Pods' uids."""
    rates: Rates | None = None
    """What its engines find in their prefix caches; None while nobody knows."""
    tier: Manifest | None = None
    """The CacheTier whose KV blocks it shares, if there is one of that name."""
    prometheus: str = ""
    """Where Prometheus is, for KEDA; empty when the operator knows none."""
    serves_metrics: bool = False
    """Whether the operator serves external metrics, for an HPA."""


@dataclass(frozen=True)
class RouterWorld:
    """Around a RoutingPolicy."""

    owner: Manifest
    defaults: Defaults
    children: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    """Its routers."""
    models: Mapping[str, Manifest] = field(default_factory=dict)
    """ModelDeployments of the namespace, by name."""
    samples: Samples = field(default_factory=dict)
    """What its routers said."""
    capabilities: Capabilities = Capabilities()
    scrape: float | None = None
    """Seconds between two scrapes of a router, where the operator knows a Prometheus."""
    tiers: Mapping[str, Manifest] = field(default_factory=dict)
    """CacheTiers of the namespace, by name."""
    scalers: tuple[Manifest, ...] = ()
    """HorizontalPodAutoscalers that target the routers' Deployment."""


@dataclass(frozen=True)
class CacheWorld:
    """Around a CacheTier."""

    owner: Manifest
    defaults: Defaults
    children: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    samples: Samples = field(default_factory=dict)
    """What its store said."""
    policies: tuple[Manifest, ...] = ()
    """RoutingPolicies of the namespace whose routes or limits name it."""
    new_password: str = ""
    """Random, used only when the store's Secret does not exist yet."""
