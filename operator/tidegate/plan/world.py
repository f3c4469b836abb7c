"""What the planner may see: frozen snapshots of the custom resource and of everything around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.plan.plan import Manifest


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
    log_format: str = "text"
    """How the routers' brains log: text or json."""


@dataclass(frozen=True)
class Capabilities:
    """Optional kinds that the cluster has at present."""

    pod_monitor: bool = False
    leader_worker_set: bool = False


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


@dataclass(frozen=True)
class RouterReport:
    """What one router Pod's brain says of itself."""

    pod: str
    config: str
    """Hash of the RouterConfig that its Envoy runs; empty when none does."""
    error: str = ""
    """Why it does not run the newest one."""


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
    reports: tuple[RouterReport, ...] = ()
    """One for each ready router Pod that answered."""


@dataclass(frozen=True)
class StoreCheck:
    """What an existing or managed store said: `server` is its name and version, `error` why it did not answer."""

    address: str = ""
    server: str = ""
    error: str = ""
    missing: str = ""
    """The Secret, or its key, that a reference names and that is not there."""


@dataclass(frozen=True)
class CacheWorld:
    """Around a CacheTier."""

    owner: Manifest
    defaults: Defaults
    children: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    check: StoreCheck | None = None
    """None until the store was asked."""
    new_password: str = ""
    """Random, used only when the store's Secret does not exist yet."""
