"""A model's engines as Kubernetes objects: the Pod template of a revision, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from tidegate import names
from tidegate.api.engine import Engine, mapped, offloaded
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.api.values import amount, bytes_quantity, seconds
from tidegate.plan.kube import template
from tidegate.plan.kube.objects import OURS, empty_dir, pod_security, revision_labels
from tidegate.plan.kube.patch import merged
from tidegate.plan.model.adapters import adapters
from tidegate.plan.model.argv import LEAVE_ENDPOINTS, argv, grace_period
from tidegate.plan.model.beside import with_router
from tidegate.plan.model.kvtiers import ephemeral_storage, kv_tiers, sweepers
from tidegate.plan.model.place import claim_labels, one_node
from tidegate.plan.model.weights import Weights, weights
from tidegate.plan.world import Defaults

PROBE_PERIOD: Final = 5
"""Seconds between two probes of an engine that has answered, and the most that one waits for an answer."""
STARTUP_PERIOD: Final = 2
"""The same of one that has not: nobody asks it anything yet, and it serves so much sooner once it is loaded."""
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


def pod_template(
    model: ModelDeployment, revision: str, defaults: Defaults, policy: RoutingPolicy | None = None
) -> dict[str, Any]:
    """The Pod template of a revision, as it is kept in the revision's ControllerRevision; with the router of a policy, if one is to be
    in it."""
    engine = model.spec.engine
    labels = revision_labels(model.metadata.name, revision) | claim_labels(model)
    made = {
        "metadata": template.metadata(engine.pod_metadata, labels),
        "spec": _pod(model, weights(model) + adapters(model) + kv_tiers(model, defaults), defaults),
    }
    if policy:
        made = with_router(made, model, revision, policy, defaults)
    patch = engine.pod_template_patch
    return merged(made, patch.model_dump(by_alias=True, exclude_unset=True)) if patch else made


def _pod(model: ModelDeployment, source: Weights, defaults: Defaults) -> dict[str, Any]:
    engine = model.spec.engine
    before = sweepers(engine, defaults) + [_download(engine, each, defaults) for each in source.downloads]
    return {
        "serviceAccountName": engine.service_account_name or names.engine_account(model.metadata.name),
        "automountServiceAccountToken": engine.service_account_name is not None,
        "enableServiceLinks": False,
        # without it vLLM would be PID 1, for which the kernel drops SIGTERM until vLLM has loaded and handles it
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": grace_period(model),
        "securityContext": pod_security(assign_user=defaults.assign_user),
        **template.pull_secrets(engine.image_pull_secrets),
        **({"initContainers": before} if before else {}),
        "containers": [_container(model, source, defaults)],
        "volumes": [
            empty_dir("shared-memory", shared_memory(engine), memory=True),
            empty_dir("scratch"),
            *source.volumes,
        ],
        **template.scheduling(engine.scheduling),
        **one_node(model),
    }


def _container(model: ModelDeployment, source: Weights, defaults: Defaults) -> dict[str, Any]:
    engine = model.spec.engine
    return {
        "name": names.ENGINE_CONTAINER,
        "image": engine.image or defaults.engine_image,
        "command": ["vllm", "serve"],
        "args": argv(model, source, defaults.bind_address),
        "env": _environment(engine, source.env),
        "ports": [{"name": "http", "containerPort": names.ENGINE_PORT, "protocol": "TCP"}],
        "resources": _resources(engine),
        **OURS,
        "volumeMounts": [
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108
            {"name": "scratch", "mountPath": SCRATCH},
            *source.mounts,
        ],
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_ENDPOINTS}}},
        **probes(engine),
    }


def _download(engine: Engine, download: dict[str, Any], defaults: Defaults) -> dict[str, Any]:
    """An init container with the engine's image, environment and resources, but for the GPUs."""
    mounts = [{"name": "scratch", "mountPath": SCRATCH}, *download["volumeMounts"]]
    return {
        **download,
        "image": engine.image or defaults.engine_image,
        "env": _environment(engine, download["env"]),
        "resources": template.resources(engine.resources, {}),
        **OURS,
        "volumeMounts": mounts,
    }


def _environment(engine: Engine, more: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours before the user's, who may replace what is for scratch files."""
    own_names = {var.name for var in engine.env}
    scratch = [dict(var) for var in SCRATCH_ENV if var["name"] not in own_names]
    return [*scratch, *more, *(var.model_dump(by_alias=True, exclude_none=True) for var in engine.env)]


def probes(engine: Engine) -> dict[str, Any]:
    """The engine listens only once its model is loaded: one long startup probe, short ones after it.

    A hung engine is restarted after a minute, and has no streams to finish: it gets HUNG_GRACE instead of the drain's
    time. An engine too busy for one probe is not restarted.
    """
    patience = -(-int(seconds(engine.startup_timeout)) // STARTUP_PERIOD)
    hung = {"terminationGracePeriodSeconds": HUNG_GRACE}
    return {
        "startupProbe": _health_check(patience, STARTUP_PERIOD) | hung,
        "readinessProbe": _health_check(2),
        "livenessProbe": _health_check(12) | hung,
    }


def _health_check(failures: int, period: int = PROBE_PERIOD) -> dict[str, Any]:
    get = {"path": "/health", "port": "http"}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": period, "failureThreshold": failures}


def shared_memory(engine: Engine) -> str:
    """The size of /dev/shm."""
    for_gpus = f"{2 * max(engine.gpus.count, 1)}Gi"
    if engine.shared_memory:
        return engine.shared_memory
    return bytes_quantity(amount(for_gpus) + mapped(engine)) if engine.kv_offload else for_gpus


def _resources(engine: Engine) -> dict[str, Any]:
    """The user's resources, the GPUs, and what kvOffload takes: of /dev/shm, which counts as the container's memory, and of the node's disk."""
    requests, limits = dict(engine.resources.requests), dict(engine.resources.limits)
    for resource, more in (
        ("memory", offloaded(engine)),
        ("ephemeral-storage", amount(ephemeral_storage(engine) or "0")),
    ):
        if more:
            _add(requests, limits, resource, more)
    if engine.gpus.count:
        requests[engine.gpus.resource_name] = limits[engine.gpus.resource_name] = str(engine.gpus.count)
    return {kind: block for kind, block in (("requests", requests), ("limits", limits)) if block}


def _add(requests: dict[str, str], limits: dict[str, str], resource: str, more: Decimal) -> None:
    """To both where both are; a limit alone is the request too."""
    requests[resource] = bytes_quantity(amount(requests.get(resource, limits.get(resource, "0"))) + more)
    if resource in limits:
        limits[resource] = bytes_quantity(amount(limits[resource]) + more)
