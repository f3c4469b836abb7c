"""CacheTier: the store that a policy's routers share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tidegate.api.base import NAME_RULE, ObjectMeta, ObjectName, Part, Rule, SecretKeyRef
from tidegate.api.modeldeployment import Retention
from tidegate.api.status import CacheTierStatus
from tidegate.api.values import Quantity, amount


class StoreStorage(Part):
    """The volume that keeps the store's data over restarts."""

    size: Quantity
    """Size of the volume, for example 10Gi. It cannot be changed later."""
    storage_class_name: ObjectName | None = None
    """StorageClass of the claim. Default: the cluster's default class."""
    retention: Retention = Retention()
    """What becomes of the claim when the CacheTier is deleted."""

    rules: ClassVar = (
        Rule(
            "quantity(string(self.size)).isGreaterThan(quantity('0'))",
            "size must be above 0, for example 10Gi",
            lambda s: amount(s.size) > 0,
            ".size",
        ),
        Rule(
            "string(self.size) == string(oldSelf.size) && has(self.storageClassName) == has(oldSelf.storageClassName) && "
            "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
            "size and storageClassName of a store's volume cannot be changed; delete the CacheTier and create it again",
            lambda _: True,  # a rule about a change: there is nothing to compare with in one manifest
        ),
    )


class ManagedStore(Part):
    """A Valkey that the operator runs."""

    image: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Image of the store. Default: the Valkey image that the operator is configured with."""
    memory: Quantity = "1Gi"
    """Memory for data; the least recently used keys leave first. The container gets a quarter more."""
    storage: StoreStorage | None = None
    """A volume that keeps data over restarts. Default: none, a restart begins empty."""

    rules: ClassVar = (
        Rule(
            "!has(self.memory) || !quantity(string(self.memory)).isLessThan(quantity('64Mi'))",
            "memory must be at least 64Mi, for example 1Gi",
            lambda m: amount(m.memory) >= amount("64Mi"),
            ".memory",
        ),
        Rule(
            "has(self.storage) == has(oldSelf.storage)",
            "storage cannot be added to or removed from a store; delete the CacheTier and create it again",
            lambda _: True,  # a rule about a change: there is nothing to compare with in one manifest
        ),
    )


class ExistingStore(Part):
    """A Redis or Valkey of yours."""

    url_secret_ref: SecretKeyRef
    """Its URL with credentials: redis://user:password@host:6379/0, or rediss:// for TLS."""
    ca_secret_ref: SecretKeyRef | None = None
    """The certificate authority of a rediss:// store, PEM. Default: the system's."""


class Store(Part):
    """Shared state of caches, limits and budgets: exactly one of the two."""

    managed: ManagedStore | None = None
    """A Valkey that the operator runs."""
    existing: ExistingStore | None = None
    """A Redis or Valkey of yours."""

    rules: ClassVar = (
        Rule(
            "has(self.managed) != has(self.existing)",
            "store needs exactly one of managed or existing, for example managed: {memory: 1Gi}",
            lambda s: (s.managed is None) != (s.existing is None),
        ),
    )


class CacheTierSpec(Part):
    """What is shared, and where."""

    store: Store
    """Shared state of caches, limits and budgets."""

    rules: ClassVar = (
        Rule(
            "has(self.store.managed) == has(oldSelf.store.managed)",
            "a store cannot change between managed and existing; create another CacheTier and point to it",
            lambda _: True,  # a rule about a change: there is nothing to compare with in one manifest
        ),
    )


class CacheTier(Part):
    """The store that a policy's routers share."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["CacheTier"]
    metadata: ObjectMeta
    spec: CacheTierSpec
    """What is shared, and where."""
    status: CacheTierStatus | None = None
    """What runs."""

    rules: ClassVar = (NAME_RULE,)
    crd: ClassVar[dict[str, Any]] = {
        "short_names": ["ctier"],
        "columns": [
            ("Status", "string", ".status.conditions[?(@.type=='Ready')].reason", 0),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", 0),
            ("Server", "string", ".status.version", 0),
            ("Address", "string", ".status.address", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Message", "string", ".status.conditions[?(@.type=='Ready')].message", 1),
        ],
    }
