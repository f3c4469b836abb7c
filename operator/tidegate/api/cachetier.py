"""CacheTier: the store that a policy's routers share, and the answers that they give again."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tidegate.api.base import (
    KEYED_BY_NAME,
    NAME_RULE,
    LocalRef,
    ObjectMeta,
    ObjectName,
    Part,
    Rule,
    SecretKeyRef,
    Words,
    cel_format,
)
from tidegate.api.caching import ExactLayer, MemoryLayer, SemanticLayer, Temperature, TtlRule
from tidegate.api.engine import PodMetadata, Resources, Scheduling
from tidegate.api.kvtier import KVTier
from tidegate.api.modeldeployment import Retention, same_class, unless_changed
from tidegate.api.status import CacheTierStatus
from tidegate.api.values import Quantity, amount

_AGAIN = "delete the CacheTier and create it again, because a StatefulSet never changes its claims"
_RESIZED = f"size of a store's volume cannot change from {{}} to {{}}; {_AGAIN}"


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
        same_class(f"storageClassName of a store's volume cannot change; {_AGAIN}"),
        Rule(
            "quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) == 0",
            f"size of a store's volume cannot change; {_AGAIN}",
            unless_changed,
            ".size",
            Words(cel_format(_RESIZED, "string(oldSelf.size)", "string(self.size)"), lambda _: ""),
        ),
    )


class ManagedStore(Part):
    """A Valkey that the operator runs."""

    image: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Image of the store. Default: the Valkey image that the operator is configured with."""
    memory: Quantity = "1Gi"
    """Memory for data. When it is full nothing is thrown out and nothing more is taken: each router counts its part of limits alone then. The
    container gets a quarter more."""
    resources: Resources = Resources()
    """CPU and memory of the container. Default: a request of 100m, and for memory a request and a limit of a quarter more than
    `memory`."""
    image_pull_secrets: Annotated[list[LocalRef], Field(max_length=16, json_schema_extra=KEYED_BY_NAME)] = []
    """Secrets for pulling the image."""
    scheduling: Scheduling = Scheduling()
    """Where the Pod may run."""
    pod_metadata: PodMetadata = PodMetadata()
    """Labels and annotations to add to the Pod."""
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
            "!has(self.resources) || !has(self.resources.limits) || !('memory' in self.resources.limits) || "
            "quantity(string(self.resources.limits['memory'])).asApproximateFloat() >= "
            "1.25 * quantity(has(self.memory) ? string(self.memory) : '1Gi').asApproximateFloat()",
            "resources.limits.memory must be at least a quarter more than memory, which is for data alone: 1280Mi for 1Gi; raise it, or "
            "lower memory",
            lambda m: (
                "memory" not in m.resources.limits or amount(m.resources.limits["memory"]) * 4 >= amount(m.memory) * 5
            ),
            ".resources",
        ),
        Rule(
            "has(self.storage) == has(oldSelf.storage)",
            "storage cannot be added to or removed from a store; delete the CacheTier and create it again",
            unless_changed,
        ),
    )


class ExistingStore(Part):
    """A Redis or Valkey of yours."""

    url_secret_ref: SecretKeyRef
    """Its URL with credentials: redis://user:password@host:6379/0, or rediss:// for TLS. Where Sentinels say where it is:
    redis+sentinel://user:password@host:26379,host:26379/group/0, or rediss+sentinel://."""
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


EXISTING_SHARE = "256Mi"
"""Of an existing store, for answers, where nothing is said."""


class CacheTierSpec(Part):
    """What is shared, and where; and which answers are given again."""

    store: Store | None = None
    """Shared state of caches and limits. Default: none; each router has its own memory alone."""
    memory: MemoryLayer | None = None
    """Answers that each router keeps itself. Default: none."""
    exact: ExactLayer | None = None
    """Answers in the store, for questions that are the same word for word. Default: none."""
    semantic: SemanticLayer | None = None
    """Answers to questions that are similar. Default: none."""
    sharing: Literal["Client", "Policy"] = "Client"
    """Whose answers somebody may be given: his own alone, or those of all clients of the policy. Policy is for what depends on no person."""
    ttl_rules: Annotated[list[TtlRule], Field(max_length=16, json_schema_extra=KEYED_BY_NAME)] = []
    """Other times for some requests; the first that fits counts."""
    version: Annotated[str, Field(max_length=128, pattern=r"^[!-~]*$")] = ""
    """Change it to forget everything older, for example after the documents behind the prompts have changed."""
    max_temperature: Temperature = "1"
    """A request with a higher temperature wants a new answer each time, and gets one."""
    max_answer_size: Quantity = "256Ki"
    """A longer answer is not kept."""

    kv: KVTier | None = None
    """A volume of KV-cache blocks that engines share. Default: none."""

    @property
    def keeps(self) -> bool:
        """Whether any answer is given again."""
        return bool(self.memory or self.exact or self.semantic)

    @property
    def share(self) -> Decimal:
        """Bytes that answers may take in the store."""
        if self.exact and self.exact.max_size is not None:
            return amount(self.exact.max_size)
        managed = self.store.managed if self.store else None
        return amount(managed.memory) / 2 if managed else amount(EXISTING_SHARE)

    rules: ClassVar = (
        Rule(
            "has(self.store) || has(self.memory) || has(self.kv)",
            "a CacheTier needs a store, which routers share, memory, which each has itself, or kv, which engines share: "
            "store: {managed: {memory: 1Gi}}, memory: {} or kv: {size: 500Gi}",
            lambda s: s.store is not None or s.memory is not None or s.kv is not None,
        ),
        Rule(
            "!has(self.exact) || has(self.store)",
            "exact keeps answers in a store; write store: {managed: {memory: 1Gi}}, or leave exact out and write memory: {}",
            lambda s: s.exact is None or s.store is not None,
            ".exact",
        ),
        Rule(
            "!has(self.semantic) || has(self.memory) || has(self.exact)",
            "semantic finds answers that memory or exact keep; write memory: {} or exact: {} beside it",
            lambda s: s.semantic is None or s.memory is not None or s.exact is not None,
            ".semantic",
        ),
        Rule(
            "!has(self.exact) || !has(self.exact.maxSize) || !has(self.store) || !has(self.store.managed) || "
            "quantity(string(self.exact.maxSize)).asApproximateFloat() <= 0.75 * "
            "quantity(has(self.store.managed.memory) ? string(self.store.managed.memory) : '1Gi').asApproximateFloat()",
            "exact.maxSize must be at most three quarters of store.managed.memory, because counts of limits and what the server itself needs "
            "are in there too; lower it, or raise memory",
            lambda s: (
                not (s.exact and s.store and s.store.managed) or s.share * 4 <= amount(s.store.managed.memory) * 3
            ),
            ".exact.maxSize",
        ),
        Rule(
            "!has(self.maxTemperature) || double(self.maxTemperature) <= 2.0",
            'maxTemperature must be at most "2", for example "1"; "0" is for requests that ask for the likeliest answer alone',
            lambda s: Decimal(s.max_temperature) <= 2,
            ".maxTemperature",
        ),
        Rule(
            "!has(self.maxAnswerSize) || !quantity(string(self.maxAnswerSize)).isLessThan(quantity('1Ki')) && "
            "!quantity(string(self.maxAnswerSize)).isGreaterThan(quantity('8Mi'))",
            "maxAnswerSize must be between 1Ki and 8Mi, for example 256Ki",
            lambda s: amount("1Ki") <= amount(s.max_answer_size) <= amount("8Mi"),
            ".maxAnswerSize",
        ),
        Rule(
            "!has(oldSelf.store) || has(self.store)",
            "a store cannot be taken from a CacheTier; create another one without a store, and point to it",
            unless_changed,
        ),
        Rule(
            "!has(self.store) || !has(oldSelf.store) || has(self.store.managed) == has(oldSelf.store.managed)",
            "a store cannot change between managed and existing; create another CacheTier and point to it",
            unless_changed,
        ),
    )


class CacheTier(Part):
    """The store that a policy's routers share, and the answers that they give again."""

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
