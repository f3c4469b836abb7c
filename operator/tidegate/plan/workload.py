"""A model's engines as Kubernetes objects: the Pod template of a revision, and what stands around it."""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.api.engine import Engine
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.values import amount, bytes_quantity, seconds
from tidegate.plan.engine_args import LEAVE_ENDPOINTS, argv, grace_period, group_size
from tidegate.plan.objects import (
    RESTRICTED_CONTAINER,
    RESTRICTED_POD,
    child,
    empty_dir,
    model_labels,
    revision_labels,
)
from tidegate.plan.patch import merged
from tidegate.plan.plan import Manifest
from tidegate.plan.weights import Weights, weights
from tidegate.plan.world import Defaults

PROBE_PERIOD: Final = 5
HUNG_GRACE: Final = 30
"""Seconds between SIGTERM and SIGKILL for an engine that no longer answers its probes."""
SCRATCH: Final = "/tmp"  # noqa: S108 - an emptyDir of the Pod's own

SCRATCH_ENV: Final = (
    # caches of compilers and libraries go where a non-root user may write; USER because Python asks who it is
    {"name": "HOME", "value": SCRATCH},
    {"name": "USER", "value": "engine"},
    {"name": "VLLM_CACHE_ROOT", "value": f"{SCRATCH}/vllm"},
    {"name": "TORCHINDUCTOR_CACHE_DIR", "value": f"{SCRATCH}/inductor"},
    {"name": "TRITON_CACHE_DIR", "value": f"{SCRATCH}/triton"},
    {"name": "VLLM_NO_USAGE_STATS", "value": "1"},
)


def pod_template(model: ModelDeployment, revision: str, defaults: Defaults) -> dict[str, Any]:
    """The Pod template of a revision, as it is kept in the revision's ControllerRevision."""
    engine = model.spec.engine
    source = weights(model)
    template = {
        "metadata": _template_metadata(model, revision),
        "spec": {
            "serviceAccountName": engine.service_account_name or names.engine_account(model.metadata.name),
            "automountServiceAccountToken": engine.service_account_name is not None,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": grace_period(model),
            "securityContext": dict(RESTRICTED_POD),
            "imagePullSecrets": [{"name": secret.name} for secret in engine.image_pull_secrets],
            "containers": [_container(model, source, defaults)],
            "volumes": [
                empty_dir("shared-memory", _shared_memory(engine), memory=True),
                empty_dir("scratch"),
                *source.volumes,
            ],
            **engine.scheduling.model_dump(by_alias=True, exclude_defaults=True),
        },
    }
    if not engine.image_pull_secrets:
        del template["spec"]["imagePullSecrets"]
    patch = engine.pod_template_patch
    return merged(template, patch.model_dump(by_alias=True, exclude_unset=True)) if patch else template


def _template_metadata(model: ModelDeployment, revision: str) -> dict[str, Any]:
    extra = model.spec.engine.pod_metadata
    labels = revision_labels(model.metadata.name, revision)
    metadata: dict[str, Any] = {"labels": {**extra.labels, names.MANAGED_BY_LABEL: names.MANAGED_BY, **labels}}
    if extra.annotations:
        metadata["annotations"] = dict(extra.annotations)
    return metadata


def _container(model: ModelDeployment, source: Weights, defaults: Defaults) -> dict[str, Any]:
    engine = model.spec.engine
    own_names = {var.name for var in engine.env}
    scratch = [dict(var) for var in SCRATCH_ENV if var["name"] not in own_names]
    return {
        "name": names.ENGINE_CONTAINER,
        "image": engine.image or defaults.engine_image,
        "command": ["vllm", "serve"],
        "args": argv(model),
        "env": [*scratch, *source.env, *(var.model_dump(by_alias=True, exclude_none=True) for var in engine.env)],
        "ports": [{"name": "http", "containerPort": names.ENGINE_PORT, "protocol": "TCP"}],
        "resources": _resources(engine),
        "securityContext": dict(RESTRICTED_CONTAINER),
        "volumeMounts": [
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108
            {"name": "scratch", "mountPath": SCRATCH},
            *source.mounts,
        ],
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_ENDPOINTS}}},
        **probes(engine),
    }


def probes(engine: Engine) -> dict[str, Any]:
    """The engine listens only once its model is loaded: one long startup probe, short ones after it.

    A hung engine is restarted after a minute, and has no streams to finish: it gets HUNG_GRACE instead of the drain's
    time. An engine too busy for one probe is not restarted.
    """
    patience = -(-int(seconds(engine.startup_timeout)) // PROBE_PERIOD)
    hung = {"terminationGracePeriodSeconds": HUNG_GRACE}
    return {
        "startupProbe": _health_check(patience) | hung,
        "readinessProbe": _health_check(2),
        "livenessProbe": _health_check(12) | hung,
    }


def _health_check(failures: int) -> dict[str, Any]:
    get = {"path": "/health", "port": "http"}
    return {"httpGet": get, "periodSeconds": PROBE_PERIOD, "timeoutSeconds": 5, "failureThreshold": failures}


def _shared_memory(engine: Engine) -> str:
    return engine.shared_memory or f"{2 * max(engine.gpus.count, 1)}Gi"


def _resources(engine: Engine) -> dict[str, Any]:
    """The user's resources, the GPUs, and the host memory of kvOffload on top of the memory request."""
    requests, limits = dict(engine.resources.requests), dict(engine.resources.limits)
    if engine.kv_offload:
        offload = amount(engine.kv_offload.host_memory)
        # a limit alone is the request too
        requests["memory"] = bytes_quantity(amount(requests.get("memory", limits.get("memory", "0"))) + offload)
        if "memory" in limits:
            limits["memory"] = bytes_quantity(amount(limits["memory"]) + offload)
    if engine.gpus.count:
        requests[engine.gpus.resource_name] = limits[engine.gpus.resource_name] = str(engine.gpus.count)
    return {kind: block for kind, block in (("requests", requests), ("limits", limits)) if block}


def rendered(model: ModelDeployment, revision: str, defaults: Defaults, kind: str) -> dict[str, Any]:
    """What a revision's ControllerRevision keeps: the kind and the spec of its workload, and what routers ask of it."""
    template = pod_template(model, revision, defaults)
    make = _leader_worker_set if kind == "LeaderWorkerSet" else _deployment
    return {
        "kind": kind,
        "spec": make(model, revision, template),
        "servedNames": model.served_names(),
        "adapters": [adapter.name for adapter in model.spec.model.adapters],
    }


def kept(owner: Manifest, revision: str, number: int, data: Manifest, version: str) -> dict[str, Any]:
    """The ControllerRevision of a revision; Kubernetes refuses every later change of its data."""
    model = owner["metadata"]["name"]
    body = {"data": data, "revision": number}
    made = child(
        "ControllerRevision", names.revision_name(model, revision), owner, revision_labels(model, revision), body
    )
    made["metadata"]["annotations"] = {names.OPERATOR_VERSION_ANNOTATION: version}
    return made


def workload(owner: Manifest, revision: str, data: Manifest, replicas: int) -> dict[str, Any]:
    """The Deployment or LeaderWorkerSet of a revision, from what its ControllerRevision keeps."""
    model = owner["metadata"]["name"]
    labels = revision_labels(model, revision)
    body = {"spec": {"replicas": replicas, **data["spec"]}}
    return child(data["kind"], names.revision_name(model, revision), owner, labels, body)


def _deployment(model: ModelDeployment, revision: str, template: Manifest) -> dict[str, Any]:
    return {
        "revisionHistoryLimit": 2,
        "progressDeadlineSeconds": int(seconds(model.spec.engine.startup_timeout)) + 60,
        "selector": {"matchLabels": revision_labels(model.metadata.name, revision)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": template,
    }


def _leader_worker_set(model: ModelDeployment, _: str, template: Manifest) -> dict[str, Any]:
    """One group of Pods for each replica; the leader answers, the workers hold the other GPUs.

    https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/
    """
    size = group_size(model.spec.engine)
    return {
        "startupPolicy": "LeaderCreated",
        "rolloutStrategy": {
            "type": "RollingUpdate",
            "rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "leaderWorkerTemplate": {
            "size": size,
            "restartPolicy": "RecreateGroupOnPodRestart",
            "leaderTemplate": _group_member(template, size, leader=True),
            "workerTemplate": _group_member(template, size, leader=False),
        },
    }


def _group_member(template: Manifest, size: int, *, leader: bool) -> dict[str, Any]:
    """Workers run headless: no port, no probes, and no label by which a Service would find them."""
    engine = template["spec"]["containers"][0]
    group = [
        "--nnodes", str(size), "--node-rank", "$(LWS_WORKER_INDEX)", "--master-addr", "$(LWS_LEADER_ADDRESS)",
        *(() if leader else ("--headless",)),
    ]  # fmt: skip
    member = {**engine, "args": [*engine["args"], *group]}
    labels = dict(template["metadata"]["labels"])
    if not leader:
        member = {k: v for k, v in member.items() if not k.endswith("Probe") and k != "ports"}
        labels[names.ROLE_LABEL] = "engine-worker"
    spec = {**template["spec"], "containers": [member, *template["spec"]["containers"][1:]]}
    return {**template, "metadata": {**template["metadata"], "labels": labels}, "spec": spec}


def headless_service(owner: Manifest, model: str, revision: str) -> dict[str, Any]:
    """Names the engines of one revision; routers read its EndpointSlices."""
    labels = revision_labels(model, revision)
    spec = {"clusterIP": "None", "selector": labels, "ports": [_http_port(names.ENGINE_PORT)]}
    return child("Service", names.revision_name(model, revision), owner, labels, {"spec": spec})


def stable_service(owner: Manifest, model: str, revision: str) -> dict[str, Any]:
    """The model under its own name, for clients that need no router: the active revision's engines."""
    spec = {"type": "ClusterIP", "selector": revision_labels(model, revision), "ports": [_http_port(80)]}
    return child("Service", names.model_service(model), owner, model_labels(model), {"spec": spec})


def _http_port(port: int) -> dict[str, Any]:
    return {"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}


def weights_claim(owner: Manifest, model: ModelDeployment) -> dict[str, Any] | None:
    """The claim for downloaded weights, if the model asks for one. A retained one has no owner, so that it stays."""
    storage = model.spec.model.storage
    if not storage or not storage.claim:
        return None
    claim = storage.claim
    spec: dict[str, Any] = {
        "accessModes": [claim.access_mode],
        "resources": {"requests": {"storage": claim.size}},
    }
    if claim.storage_class_name:
        spec["storageClassName"] = claim.storage_class_name
    name = names.weights_claim(model.metadata.name)
    owned = claim.retention.when_deleted == "Delete"
    return child("PersistentVolumeClaim", name, owner, model_labels(model.metadata.name), {"spec": spec}, owned=owned)


def pod_monitor(owner: Manifest, model: str) -> dict[str, Any]:
    """Tells Prometheus to scrape the engines, with the model and the revision as labels.

    https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor
    """
    labels = model_labels(model)
    spec = {
        "selector": {"matchLabels": labels},
        "podTargetLabels": [names.MODEL_LABEL, names.REVISION_LABEL],
        "podMetricsEndpoints": [{"port": "http", "path": "/metrics"}],
    }
    return child("PodMonitor", names.pod_monitor(model), owner, labels, {"spec": spec})
