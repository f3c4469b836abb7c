"""ModelDeployment: a model, the engines that serve it, and how many of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tidegate.api import bounds
from tidegate.api.autoscaling import BESIDE_REPLICAS, Autoscaling
from tidegate.api.base import (
    KEYED_BY_NAME,
    NAME_RULE,
    SET,
    Name,
    ObjectMeta,
    ObjectName,
    Part,
    Rule,
    SecretKeyRef,
    Words,
    cel_format,
    cel_string,
)
from tidegate.api.engine import Engine, gpus_of_replica, gpus_taken, spread_cel
from tidegate.api.kvoffload import pinned, pinned_cel
from tidegate.api.objectives import Objectives
from tidegate.api.rollout import SHARING, Rollout
from tidegate.api.status import ModelDeploymentStatus
from tidegate.api.values import Duration, Quantity, amount, seconds
from tidegate.names import MAX_GROUP_NAME

URI = (
    r"^(hf://[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(@[A-Za-z0-9._/-]+)?"
    r"|pvc://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[A-Za-z0-9._/-]*)?"
    r"|(s3|gs)://[a-z0-9][a-z0-9._-]*(/[A-Za-z0-9._/=+-]*)?"
    r"|oci://[A-Za-z0-9._:/@-]+)$"
)
ADAPTER_URI = r"^(hf://[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(@[A-Za-z0-9._/-]+)?|pvc://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[A-Za-z0-9._/-]*)?)$"
SERVED_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._:/-]*[A-Za-z0-9])?$"

ServedName = Annotated[str, Field(min_length=1, max_length=bounds.SERVED_NAME, pattern=SERVED_NAME)]


class Adapter(Part):
    """A LoRA adapter, loaded when the engine starts."""

    name: Name
    """Name under which the engine serves it, and that a route's backend uses."""
    uri: Annotated[str, Field(min_length=1, max_length=1024)]
    """Where its files are: hf://org/repo@revision or pvc://claim/path."""
    credentials_secret_ref: SecretKeyRef | None = None
    """A Hugging Face token for its download. Default: the model's own, when that comes from hf:// too."""

    rules: ClassVar = (
        Rule(
            f"self.uri.matches({cel_string(ADAPTER_URI)})",
            "an adapter's uri must be hf://org/repo[@revision] or pvc://claim/path, for example hf://acme/support-lora",
            lambda a: re.fullmatch(ADAPTER_URI, a.uri) is not None,
            ".uri",
        ),
        Rule(
            "!has(self.credentialsSecretRef) || self.uri.startsWith('hf://')",
            "an adapter on a claim needs no credentials; leave its credentialsSecretRef out",
            lambda a: a.credentials_secret_ref is None or a.uri.startswith("hf://"),
            ".credentialsSecretRef",
        ),
    )


class Retention(Part):
    """What becomes of stored data when the object is deleted."""

    when_deleted: Literal["Retain", "Delete"] = "Delete"
    """Retain keeps the PersistentVolumeClaim, Delete removes it with the object."""


def unless_changed(_: Any) -> bool:
    """The twin of a rule about a change: there is nothing to compare with in one manifest."""
    return True


def same_class(message: str) -> Rule:
    """storageClassName stays what it is, or stays away."""
    return Rule(
        "has(self.storageClassName) == has(oldSelf.storageClassName) && "
        "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
        message,
        unless_changed,
        ".storageClassName",
    )


_OTHER_CLAIM = "make another claim of your own and name it in storage.existingClaim"
_SHRINKS = f"a claim can grow but not shrink from {{}} to {{}}; {_OTHER_CLAIM}"
_MODE_CEL = "(has({0}.accessMode) ? {0}.accessMode : 'ReadWriteMany')"


class Claim(Part):
    """A PersistentVolumeClaim that the operator makes."""

    size: Quantity
    """Size of the volume, for example 50Gi. It can grow later where the StorageClass allows it, and not shrink."""
    storage_class_name: ObjectName | None = None
    """StorageClass of the claim; several engines need one that offers ReadWriteMany. It cannot be changed later. Default: the cluster's
    default class."""
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteMany"
    """ReadWriteMany lets engines on every node share the files; ReadWriteOnce keeps all engines on one node. It cannot
    be changed later."""
    retention: Retention = Retention()
    """What becomes of the claim when the ModelDeployment is deleted."""

    beside_pods: ClassVar = frozenset({"size", "storage_class_name", "retention"})
    rules: ClassVar = (
        Rule(
            "quantity(string(self.size)).isGreaterThan(quantity('0'))",
            "size must be above 0, for example 50Gi",
            lambda c: amount(c.size) > 0,
            ".size",
        ),
        same_class(f"storageClassName of a claim cannot change; {_OTHER_CLAIM}"),
        Rule(
            f"{_MODE_CEL.format('self')} == {_MODE_CEL.format('oldSelf')}",
            f"accessMode of a claim cannot change; {_OTHER_CLAIM}",
            unless_changed,
            ".accessMode",
        ),
        Rule(
            "!quantity(string(self.size)).isLessThan(quantity(string(oldSelf.size)))",
            f"a claim can grow but not shrink; {_OTHER_CLAIM}",
            unless_changed,
            ".size",
            Words(cel_format(_SHRINKS, "string(oldSelf.size)", "string(self.size)"), lambda _: ""),
        ),
    )


class ExistingClaim(Part):
    """A PersistentVolumeClaim that exists."""

    claim_name: ObjectName
    """Name of the claim, in the same namespace."""


class Ephemeral(Part):
    """The node's own disk: downloaded again by every new Pod."""

    size_limit: Quantity | None = None
    """Most that a Pod may store. Default: no limit."""


class Storage(Part):
    """Where weights downloaded from hf:// are kept: exactly one of the three."""

    claim: Claim | None = None
    """A claim that the operator makes; downloads happen once."""
    existing_claim: ExistingClaim | None = None
    """A claim of yours."""
    ephemeral: Ephemeral | None = None
    """The node's own disk."""

    rules: ClassVar = (
        Rule(
            "[has(self.claim), has(self.existingClaim), has(self.ephemeral)].filter(x, x).size() == 1",
            "storage needs exactly one of claim, existingClaim or ephemeral, for example claim: {size: 50Gi}",
            lambda s: sum(x is not None for x in (s.claim, s.existing_claim, s.ephemeral)) == 1,
        ),
    )


class ModelSource(Part):
    """Which weights are served, and under which names."""

    uri: Annotated[str, Field(min_length=1, max_length=1024)]
    """hf://org/repo@revision, pvc://claim/path, s3://bucket/path, gs://bucket/path or oci://image."""
    served_names: (
        Annotated[list[ServedName], Field(min_length=1, max_length=bounds.SERVED_NAMES, json_schema_extra=SET)] | None
    ) = None
    """Names that the engine answers to; routers send the first. Default: metadata.name."""
    credentials_secret_ref: SecretKeyRef | None = None
    """Credentials for the download: a Hugging Face token, an AWS shared credentials file, or a Google service account key."""
    adapters: Annotated[list[Adapter], Field(max_length=bounds.ADAPTERS, json_schema_extra=KEYED_BY_NAME)] = []
    """LoRA adapters, loaded at the start of each engine."""
    storage: Storage | None = None
    """Where the weights and adapters downloaded from hf:// are kept. Default: the node's own disk."""

    rules: ClassVar = (
        Rule(
            f"self.uri.matches({cel_string(URI)})",
            "uri must be hf://org/repo[@revision], pvc://claim/path, s3://bucket/path, gs://bucket/path or oci://image, "
            "for example hf://meta-llama/Llama-3.1-8B-Instruct",
            lambda m: re.fullmatch(URI, m.uri) is not None,
            ".uri",
        ),
        Rule(
            "!has(self.storage) || self.uri.startsWith('hf://') || (has(self.adapters) && self.adapters.exists(a, a.uri.startsWith('hf://')))",
            "storage keeps what is downloaded from hf://; leave it out for other sources",
            lambda m: (
                m.storage is None or any(uri.startswith("hf://") for uri in (m.uri, *(a.uri for a in m.adapters)))
            ),
            ".storage",
        ),
        Rule(
            "!has(self.credentialsSecretRef) || !(self.uri.startsWith('pvc://') || self.uri.startsWith('oci://'))",
            "pvc:// needs no credentials and oci:// takes them from spec.engine.imagePullSecrets; leave credentialsSecretRef out, "
            "or write it below the adapter that needs it",
            lambda m: m.credentials_secret_ref is None or not m.uri.startswith(("pvc://", "oci://")),
            ".credentialsSecretRef",
        ),
        Rule(
            "!has(self.adapters) || !has(self.servedNames) || self.adapters.all(a, !(a.name in self.servedNames))",
            "an adapter may not have a name of the model itself; rename the adapter",
            lambda m: not m.served_names or not any(a.name in m.served_names for a in m.adapters),
            ".adapters",
        ),
        Rule(
            "!has(self.servedNames) || self.servedNames.all(n, self.servedNames.exists_one(m, m == n))",
            "servedNames must be different from each other; remove the repetition",
            lambda m: m.served_names is None or len(m.served_names) == len(set(m.served_names)),
            ".servedNames",
        ),
    )


class Drain(Part):
    """How an engine leaves."""

    timeout: Duration = "10m"
    """A Pod that leaves finishes its streams for up to this long. Adopted with the next revision."""

    rules: ClassVar = (
        Rule(
            "!has(self.timeout) || (duration(self.timeout) >= duration('15s') && duration(self.timeout) <= duration('24h'))",
            "drain.timeout must be between 15s and 24h; it is a little longer than your longest answer",
            lambda d: 15 <= seconds(d.timeout) <= 86400,
            ".timeout",
        ),
    )


def _surges_by_an_engine(spec: ModelDeploymentSpec) -> bool:
    most = spec.rollout.capacity.max_surge_gpus if spec.rollout else None
    return most is None or 0 < gpus_taken(spec.engine) <= most


_SHARES_CEL = "has(self.engine.kvOffload) && has(self.engine.kvOffload.shared)"


def _shares_known_weights(spec: ModelDeploymentSpec) -> bool:
    offload = spec.engine.kv_offload
    shared = offload.shared if offload else None
    uris = (spec.model.uri, *(adapter.uri for adapter in spec.model.adapters))
    return shared is None or shared.weights_version is not None or all(map(pinned, uris))


class ModelDeploymentSpec(Part):
    """What should be served."""

    suspend: bool = False
    """true: nothing of this model is touched until it is false again."""
    model: ModelSource
    """Which weights are served, and under which names."""
    engine: Engine
    """Everything that shapes the engine's Pods; a change here or in model is a new revision."""
    replicas: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"default": 1})] = 1
    """Engines that serve this model."""
    autoscaling: Autoscaling | None = None
    """How many replicas there are, decided by what they do. Default: as many as `replicas` says."""
    objectives: Objectives = []
    """What clients may expect of this model: a rollout judges a new revision by it. Without a rollout nothing looks at them."""
    rollout: Rollout | None = None
    """How a new revision takes over. Default: when all of its engines answer."""
    drain: Drain = Drain()
    """How an engine leaves."""

    rules: ClassVar = (
        BESIDE_REPLICAS,
        Rule(
            "!has(self.engine.sidecarRouter) || !has(self.rollout) || has(self.rollout.strategy) && self.rollout.strategy in ['BlueGreen', 'Recreate']",
            "the Service of a sidecar router leads to one revision at a time and gives none a share, as strategies Canary, which is the default, and "
            "RollingUpdate would; write strategy: BlueGreen or Recreate, or leave rollout or engine.sidecarRouter out",
            lambda s: s.engine.sidecar_router is None or s.rollout is None or s.rollout.strategy not in SHARING,
            ".rollout.strategy",
        ),
        Rule(
            "!has(self.engine.sidecarRouter) || !has(self.autoscaling) || !has(self.autoscaling.scaleToZero)",
            "without an engine there is no sidecar router at which a request could wait; leave scaleToZero out, or engine.sidecarRouter",
            lambda s: s.engine.sidecar_router is None or s.autoscaling is None or s.autoscaling.scale_to_zero is None,
            ".autoscaling.scaleToZero",
        ),
        Rule(
            "!has(self.rollout) || !has(self.rollout.capacity) || !has(self.rollout.capacity.maxSurgeGPUs) || "
            "self.engine.gpus.count > 0 && self.rollout.capacity.maxSurgeGPUs >= self.engine.gpus.count && "
            "(!has(self.engine.parallelism) || "
            f"self.rollout.capacity.maxSurgeGPUs >= {spread_cel('self.engine.parallelism')})",
            "maxSurgeGPUs must be at least the GPUs of one engine; where none is free write strategy: RollingUpdate with "
            "rollingUpdate: {maxSurge: 0, maxUnavailable: 1}, or capacity: {whenFull: Swap}; for engines without GPUs leave it out",
            _surges_by_an_engine,
            ".rollout.capacity.maxSurgeGPUs",
        ),
        Rule(
            f"!({_SHARES_CEL}) || has(self.engine.kvOffload.shared.weightsVersion) || {pinned_cel('self.model.uri')} && "
            f"(!has(self.model.adapters) || self.model.adapters.all(a, {pinned_cel('a.uri')}))",
            "shared blocks outlive the Pods that made them, and those of other weights give wrong answers: name a commit (hf://org/repo@ and its 40 "
            "digits) or a digest in every uri, or write kvOffload.shared.weightsVersion and change it with the files",
            _shares_known_weights,
            ".engine.kvOffload.shared",
        ),
    )


class ModelDeployment(Part):
    """A model, the engines that serve it, and how many of them."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["ModelDeployment"]
    metadata: ObjectMeta
    spec: ModelDeploymentSpec
    """What should be served."""
    status: ModelDeploymentStatus | None = None
    """What is served."""

    rules: ClassVar = (
        NAME_RULE,
        Rule(
            "!has(self.spec.model.adapters) || has(self.spec.model.servedNames) || "
            "self.spec.model.adapters.all(a, a.name != self.metadata.name)",
            "an adapter may not have the model's own name, which is metadata.name without servedNames; rename the adapter",
            lambda d: (
                d.spec.model.served_names is not None or all(a.name != d.metadata.name for a in d.spec.model.adapters)
            ),
            ".spec.model.adapters",
        ),
        Rule(
            f"self.metadata.name.size() <= {MAX_GROUP_NAME} || !has(self.spec.engine.parallelism) || "
            f"{spread_cel('self.spec.engine.parallelism')} <= self.spec.engine.gpus.count",
            f"a model whose replicas are groups of Pods has a name of at most {MAX_GROUP_NAME} characters, because Kubernetes makes "
            "labels of it; choose a shorter name, or raise gpus.count to tensor x pipeline",
            lambda d: (
                len(d.metadata.name) <= MAX_GROUP_NAME or gpus_of_replica(d.spec.engine) <= d.spec.engine.gpus.count
            ),
            ".spec.engine.parallelism",
        ),
    )
    crd: ClassVar[dict[str, Any]] = {
        "short_names": ["mdep"],
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
        "columns": [
            ("Status", "string", ".status.conditions[?(@.type=='Ready')].reason", 0),
            ("Ready", "string", ".status.ready", 0),
            ("Revision", "string", ".status.activeRevision", 0),
            ("Model", "string", ".spec.model.uri", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Message", "string", ".status.conditions[?(@.type=='Ready')].message", 1),
        ],
    }

    def served_names(self) -> list[str]:
        """Names that the engine answers to; the first is the one that routers send."""
        return self.spec.model.served_names or [self.metadata.name]
