"""A model's engines as Kubernetes objects: the Pod template of a revision, and what stands around it."""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.api.engine import Engine
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.values import amount, bytes_quantity, seconds
from tidegate.plan.kube.objects import (
    RESTRICTED_CONTAINER,
    RESTRICTED_POD,
    empty_dir,
    revision_labels,
)
from tidegate.plan.kube.patch import merged
from tidegate.plan.model.argv import LEAVE_ENDPOINTS, argv, grace_period
from tidegate.plan.model.weights import Weights, weights
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
