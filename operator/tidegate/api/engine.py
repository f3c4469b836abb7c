"""`spec.engine`: everything that shapes a model's engine Pods, and nothing else does."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api.args import ENV_HINTS_CEL, OWNED_ENV, Arg, env_said
from tidegate.api.base import KEYED_BY_NAME, FreeForm, LocalRef, ObjectName, Part, Rule, Words, cel_list
from tidegate.api.kvoffload import KVOffload, too_old, too_old_cel, transfers, transfers_cel
from tidegate.api.podtemplate import LABEL_RULE, PodTemplatePatch
from tidegate.api.values import Duration, Percent, Quantity, amount, fraction, seconds

RESOURCE_NAME = r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$"
QUANTIZATION = r"^[a-z0-9_-]+$"


ResourceName = Annotated[str, Field(min_length=1, max_length=253)]


class GPUs(Part):
    """GPUs of one engine Pod."""

    count: Annotated[int, Field(ge=0, le=64)]
    """GPUs per Pod; 0 is an engine on the CPU."""
    resource_name: Annotated[str, Field(min_length=3, max_length=253, pattern=RESOURCE_NAME)] = "nvidia.com/gpu"
    """Extended resource that the device plugin offers."""


class Resources(Part):
    """core/v1 ResourceRequirements of a container; an engine's GPUs are counted by `gpus`."""

    requests: dict[ResourceName, Quantity] = Field(default={}, max_length=32)
    """What the scheduler sets aside, by resource name."""
    limits: dict[ResourceName, Quantity] = Field(default={}, max_length=32)
    """What the container may use at most, by resource name."""

    rules: ClassVar = (
        Rule(
            "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || "
            "quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)",
            "a request may not be above the limit of the same resource; lower the request, or raise the limit",
            lambda r: all(amount(r.requests[k]) <= amount(r.limits[k]) for k in r.requests if k in r.limits),
            ".requests",
        ),
    )


class Parallelism(Part):
    """How a model is spread over GPUs. More GPUs than one Pod has make a LeaderWorkerSet."""

    tensor: Annotated[int, Field(ge=1, le=1024)] = 1
    """GPUs that share each layer (`--tensor-parallel-size`)."""
    pipeline: Annotated[int, Field(ge=1, le=1024)] = 1
    """Stages that share the layers (`--pipeline-parallel-size`)."""
    data: Annotated[int, Field(ge=1, le=1024)] = 1
    """Copies of the attention layers inside one Pod, each with its own batch (`--data-parallel-size`)."""
    expert: bool = False
    """true: the experts of a mixture-of-experts model are spread over tensor x data GPUs instead of being split
    (`--enable-expert-parallel`)."""

    rules: ClassVar = (
        Rule(
            "!has(self.expert) || !self.expert || (has(self.tensor) ? self.tensor : 1) * (has(self.data) ? self.data : 1) > 1",
            "expert parallelism spreads experts over tensor x data GPUs, which is one here; raise tensor or data, or leave expert out",
            lambda p: not p.expert or p.tensor * p.data > 1,
            ".expert",
        ),
    )


class EnvVar(Part):
    """core/v1 EnvVar."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """Value of the variable."""
    value_from: FreeForm | None = None
    """core/v1 EnvVarSource."""

    rules: ClassVar = (
        Rule(
            f"!(self.name in {cel_list(OWNED_ENV)})",
            "this variable is the operator's; use spec.model.credentialsSecretRef or spec.model.storage, and leave it out of env",
            lambda v: v.name not in OWNED_ENV,
            ".name",
            Words(f"{ENV_HINTS_CEL}[self.name]", lambda v: env_said(v.name)),
        ),
        Rule(
            "!(has(self.value) && has(self.valueFrom))",
            "an environment variable has either value or valueFrom, not both; remove one of them",
            lambda v: v.value is None or v.value_from is None,
        ),
    )


class Scheduling(Part):
    """Where Pods may run; every field is core/v1 PodSpec's own."""

    node_selector: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=64)] = {}
    """Labels that a node must have."""
    tolerations: Annotated[list[FreeForm], Field(max_length=64)] = []
    """core/v1 Tolerations."""
    affinity: FreeForm | None = None
    """core/v1 Affinity."""
    topology_spread_constraints: Annotated[list[FreeForm], Field(max_length=16)] = []
    """core/v1 TopologySpreadConstraints."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the Pods."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the Pods, for example `nvidia`."""


class SidecarRouter(Part):
    """A router in each Pod of the model, before its engine."""

    routing_policy_ref: LocalRef
    """The RoutingPolicy, in the same namespace: one with `router: {placement: Sidecar}` and a backend for this model."""


class PodMetadata(Part):
    """Labels and annotations that are added to Pods."""

    labels: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=64)] = {}
    """Labels to add."""
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=16384)]], Field(max_length=64)] = {}
    """Annotations to add."""

    rules: ClassVar = (LABEL_RULE,)


def gpus_of_replica(engine: Engine) -> int:
    """GPUs that one replica of the model takes."""
    p = engine.parallelism
    return p.tensor * p.pipeline * p.data if p else engine.gpus.count


def gpus_taken(engine: Engine) -> int:
    """GPUs that its Pods ask for, whether it uses them or not."""
    return max(engine.gpus.count, gpus_of_replica(engine)) if engine.gpus.count else 0


def spread_cel(parallelism: str) -> str:
    """The same in CEL, for a `parallelism` that is there."""
    sizes = (f"{parallelism}.{axis}" for axis in ("tensor", "pipeline", "data"))
    return "(" + " * ".join(f"(has({size}) ? {size} : 1)" for size in sizes) + ")"


OFFLOAD_ROOM = 2
"""Bytes of /dev/shm for each byte of kvOffload.hostMemory. vLLM's own request is one; 1.92 were measured for a model with
several groups of KV blocks, https://github.com/vllm-project/vllm/issues/53042."""


_OFFLOADED_CEL = f"{OFFLOAD_ROOM}.0 * quantity(string(self.kvOffload.hostMemory)).asApproximateFloat()"


_PODS_CEL = f"{spread_cel('self.parallelism')} / self.gpus.count"
_BEYOND_CEL = "has(self.kvOffload) && (has(self.kvOffload.disk) || has(self.kvOffload.shared))"


def offloaded(engine: Engine) -> Decimal:
    """Bytes of memory that offloaded KV blocks may take in one Pod."""
    return OFFLOAD_ROOM * amount(engine.kv_offload.host_memory) if engine.kv_offload else Decimal(0)


def mapped(engine: Engine) -> Decimal:
    """Bytes that /dev/shm needs for them: in a group of Pods each makes a file as large as the blocks of all, of which it fills its part,
    and ends where that is more than is free."""
    return max(offloaded(engine), _of_all_pods(engine))


def _of_all_pods(engine: Engine) -> Decimal:
    pods = gpus_of_replica(engine) // engine.gpus.count if engine.gpus.count else 0
    return pods * amount(engine.kv_offload.host_memory) if engine.kv_offload else Decimal(0)


def _beyond_memory(engine: Engine) -> bool:
    return engine.kv_offload is not None and engine.kv_offload.beyond_memory()


class Engine(Part):
    """Everything that shapes the engine's Pods; a change here is a new revision."""

    image: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Image of the engine. Default: the vLLM image that the operator is configured with."""
    image_pull_secrets: Annotated[list[LocalRef], Field(max_length=16, json_schema_extra=KEYED_BY_NAME)] = []
    """Secrets for pulling the image."""
    service_account_name: ObjectName | None = None
    """ServiceAccount of the Pods, for workload identity. Default: one of our own without rights."""
    gpus: GPUs
    """GPUs of one Pod."""
    resources: Resources = Resources()
    """CPU, memory and further resources of the engine container."""
    shared_memory: Quantity | None = None
    """Size of /dev/shm. Default: 2Gi for each GPU, at least 2Gi, and twice kvOffload.hostMemory, or as often as a replica has Pods."""
    parallelism: Parallelism | None = None
    """How the model is spread over GPUs. Default: tensor parallelism over the Pod's GPUs."""
    max_model_len: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Context length in tokens (`--max-model-len`). Default: the model's own."""
    max_num_seqs: Annotated[int, Field(ge=1, le=65536)] = 256
    """Sequences that run at once (`--max-num-seqs`)."""
    max_waiting_requests: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Requests that may wait beyond the running batch; above it the engine answers 503 and the router tries another. Default: no bound."""
    gpu_memory_utilization: Percent | None = None
    """Share of the GPU's memory that the engine takes (`--gpu-memory-utilization`). Default: the engine's own."""
    dtype: Literal["auto", "bfloat16", "float", "float16", "float32", "half"] = "auto"
    """Type of weights and activations (`--dtype`)."""
    quantization: Annotated[str, Field(min_length=1, max_length=63, pattern=QUANTIZATION)] | None = None
    """Quantization method (`--quantization`). Default: what the model's files say."""
    kv_offload: KVOffload | None = None
    """KV-cache blocks that leave the GPU. Default: none."""
    args: Annotated[list[Arg], Field(max_length=256)] = []
    """Further flags of `vllm serve`, appended as they are."""
    env: Annotated[list[EnvVar], Field(max_length=128, json_schema_extra=KEYED_BY_NAME)] = []
    """Further environment variables of the engine."""
    startup_timeout: Duration = "20m"
    """How long a Pod may take from its start until it answers."""
    scheduling: Scheduling = Scheduling()
    """Where Pods may run."""
    pod_metadata: PodMetadata = PodMetadata()
    """Labels and annotations to add to the Pods."""
    sidecar_router: SidecarRouter | None = None
    """A policy's router runs inside these Pods, and its Service leads to it. Default: none; routers of other policies reach the engine as ever."""
    pod_template_patch: PodTemplatePatch | None = None
    """A strategic merge patch of the Pod template, the one escape hatch; probes, lifecycle, ports and argv of the engine are refused. To
    leave out what the operator writes, replace the map around it (`securityContext: {$patch: replace, runAsUser: 1000}`) or name the keys
    that stay (`$retainKeys`): a null is lost on its way through kubectl apply."""

    rules: ClassVar = (
        Rule(
            "!has(self.sidecarRouter) || !has(self.serviceAccountName)",
            "a sidecar router reads the policy's Secrets by the ServiceAccount of its Pod, and so could every Pod of yours that runs under the "
            "same one; leave serviceAccountName out, or sidecarRouter",
            lambda e: e.sidecar_router is None or e.service_account_name is None,
            ".serviceAccountName",
        ),
        Rule(
            "!has(self.sidecarRouter) || !has(self.parallelism) || self.gpus.count == 0 || "
            f"{spread_cel('self.parallelism')} <= self.gpus.count",
            "a replica of several Pods has no sidecar router; leave sidecarRouter out, and let routers of their own lead to it",
            lambda e: e.sidecar_router is None or e.gpus.count == 0 or gpus_of_replica(e) <= e.gpus.count,
            ".sidecarRouter",
        ),
        Rule(
            "!has(self.parallelism) || self.gpus.count > 0",
            "parallelism needs GPUs; set gpus.count, or leave parallelism out",
            lambda e: e.parallelism is None or e.gpus.count > 0,
            ".parallelism",
        ),
        Rule(
            f"!has(self.parallelism) || self.gpus.count == 0 || {spread_cel('self.parallelism')} % self.gpus.count == 0",
            "tensor x pipeline x data must be a multiple of gpus.count, so that every Pod's GPUs are used; "
            "change gpus.count or one of the three",
            lambda e: e.parallelism is None or e.gpus.count == 0 or gpus_of_replica(e) % e.gpus.count == 0,
            ".parallelism",
        ),
        Rule(
            "!has(self.parallelism) || !has(self.parallelism.data) || self.parallelism.data == 1 || self.gpus.count == 0 || "
            f"{spread_cel('self.parallelism')} <= self.gpus.count",
            "parallelism.data works inside one Pod; set gpus.count to tensor x pipeline x data, or leave data out and raise replicas",
            lambda e: (
                e.parallelism is None
                or e.parallelism.data == 1
                or e.gpus.count == 0
                or gpus_of_replica(e) <= e.gpus.count
            ),
            ".parallelism",
        ),
        Rule(
            "!has(self.startupTimeout) || (duration(self.startupTimeout) >= duration('30s') "
            "&& duration(self.startupTimeout) <= duration('24h'))",
            "startupTimeout must be between 30s and 24h; a large model needs 10m to 30m",
            lambda e: 30 <= seconds(e.startup_timeout) <= 86400,
            ".startupTimeout",
        ),
        Rule(
            "!has(self.gpuMemoryUtilization) || self.gpuMemoryUtilization.matches('[1-9]')",
            "gpuMemoryUtilization must be above 0%; 90% is usual",
            lambda e: e.gpu_memory_utilization is None or fraction(e.gpu_memory_utilization) > 0,
            ".gpuMemoryUtilization",
        ),
        Rule(
            "!has(self.kvOffload) || quantity(string(self.kvOffload.hostMemory)).compareTo(quantity('64Mi')) >= 0",
            "hostMemory must be at least 64Mi, for example 16Gi; leave kvOffload out to keep KV blocks on the GPU",
            lambda e: e.kv_offload is None or amount(e.kv_offload.host_memory) >= amount("64Mi"),
            ".kvOffload",
        ),
        Rule(
            "!has(self.kvOffload) || !has(self.sharedMemory) || "
            f"quantity(string(self.sharedMemory)).asApproximateFloat() >= {_OFFLOADED_CEL}",
            "sharedMemory must be at least twice kvOffload.hostMemory, because the offloaded blocks lie in /dev/shm: 32Gi or more for "
            "16Gi; or leave sharedMemory out, and it has that size",
            lambda e: e.shared_memory is None or amount(e.shared_memory) >= offloaded(e),
            ".sharedMemory",
        ),
        Rule(
            "!has(self.kvOffload) || !has(self.sharedMemory) || !has(self.parallelism) || self.gpus.count == 0 || "
            "quantity(string(self.sharedMemory)).asApproximateFloat() >= "
            f"double({_PODS_CEL}) * quantity(string(self.kvOffload.hostMemory)).asApproximateFloat()",
            "sharedMemory must be at least kvOffload.hostMemory times the Pods of a replica, because each of them maps the blocks of all; "
            "or leave sharedMemory out, and it has that size",
            lambda e: e.shared_memory is None or not e.parallelism or amount(e.shared_memory) >= _of_all_pods(e),
            ".sharedMemory",
        ),
        Rule(
            "!has(self.kvOffload) || self.gpus.count > 0",
            "kvOffload needs GPUs, because vLLM offloads from nothing else; set gpus.count, or leave kvOffload out",
            lambda e: e.kv_offload is None or e.gpus.count > 0,
            ".kvOffload",
        ),
        Rule(
            f"!({_BEYOND_CEL}) || !has(self.parallelism) || self.gpus.count == 0 || {spread_cel('self.parallelism')} <= self.gpus.count",
            "kvOffload.disk and kvOffload.shared work inside one Pod, because vLLM writes what its first Pod holds; set gpus.count to tensor x "
            "pipeline x data, or leave both out and keep hostMemory",
            lambda e: not _beyond_memory(e) or e.gpus.count == 0 or gpus_of_replica(e) <= e.gpus.count,
            ".kvOffload",
        ),
        Rule(
            f"!({_BEYOND_CEL}) || !has(self.image) || !{too_old_cel('self.image')}",
            "this image's vLLM has no tiers below host memory; name v0.22.0 or newer, or leave kvOffload.disk and kvOffload.shared out",
            lambda e: not _beyond_memory(e) or not too_old(e.image or ""),
            ".image",
        ),
        Rule(
            f"!has(self.kvOffload) || !has(self.args) || !self.args.exists(a, {transfers_cel('a')})",
            "kvOffload and --kv-transfer-config both say which connector the engine has; leave one of them out",
            lambda e: e.kv_offload is None or not any(map(transfers, e.args)),
            ".args",
        ),
    )
