"""Envoy and its brain as containers: those of a router's own Pod, and those beside an engine (`Beside`).

What is beside an engine has another user than the engine: the processes of that Pod see each other, and one of the same user could read the
brain's token. Where the platform assigns users (`assign_user` False) all have one.
https://kubernetes.io/docs/tasks/configure-pod-container/share-process-namespace/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from tidegate import names
from tidegate.api.router import SIDECAR
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.api.values import MEBI, amount, bytes_quantity
from tidegate.plan.kube import template
from tidegate.plan.kube.objects import OURS, RESTRICTED_CONTAINER, empty_dir
from tidegate.plan.kube.reading import part, text
from tidegate.plan.plan import Manifest
from tidegate.plan.world import Defaults

BOOTSTRAP: Final = f"{names.RUN_DIR}/bootstrap.json"
DRAIN_SECONDS: Final = 900
"""How long a router that leaves goes on with its open streams."""
HUNG_GRACE: Final = 30
"""Seconds between SIGTERM and SIGKILL for a container that no longer answers its probes: it drains nothing."""
TESTED_ENVOY: Final = "1.40"
NATIVE_ENVOY: Final = re.compile(rf":v?{re.escape(TESTED_ENVOY)}(\.|-|$)")
"""Images of the Envoy that the native filters are tested with: their interface is that of one minor version. With another one Lua does
their work."""
NATIVE: Final = "--native"
"""Tells a brain so."""
LOG_FLUSH: Final = 1000
"""Milliseconds that a line of the access log waits for others."""
TOKEN_DIR: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
ENVOY_REQUESTS: Final = {"cpu": "250m", "memory": "256Mi"}
BRAIN_REQUESTS: Final = {"cpu": "100m", "memory": "128Mi"}
CERTIFICATE: Final = "certificate"
CERTIFICATE_DIR: Final = "/etc/tidegate/certificate"
RUN: Final = "run"
"""Name of the volume that Envoy and its brain share."""
SCRATCH: Final = "router-scratch"
TOKEN: Final = "router-token"  # noqa: S105 - a volume's name
USER: Final = 65533
"""Of what is beside an engine; an engine has 65532."""


@dataclass(frozen=True)
class Beside:
    """The engine in whose Pod a router is."""

    revision: str
    served_name: str
    """What it calls its model."""
    drain_seconds: int
    """How long its streams may take at the end."""


def envoy(policy: RoutingPolicy, defaults: Defaults) -> dict[str, Any]:
    """Of a router's own Pod."""
    return _envoy(policy, defaults) | {
        # the brain answers when the last stream has ended
        "lifecycle": {"preStop": {"httpGet": drain(policy.metadata.uid)}}
    }


def brain(policy: RoutingPolicy, defaults: Defaults, cache_memory: int = 0) -> dict[str, Any]:
    """The same; it is a native sidecar there, too. `cache_memory` is in mebibytes."""
    made = _brain(policy, defaults, "scratch", "token", DRAIN_SECONDS)
    return made | {"resources": _with_caches(made["resources"], cache_memory)}


def beside(policy: RoutingPolicy, defaults: Defaults, engine: Beside) -> list[dict[str, Any]]:
    """Brain and Envoy as native sidecars of an engine's Pod. Envoy has no preStop hook of its own: the engine's asks for the drain, because
    sidecars are told to end only after the engine has."""
    made = _brain(policy, defaults, SCRATCH, TOKEN, engine.drain_seconds)
    made["args"] += ["--beside-engine", "--revision", engine.revision, "--served-name", engine.served_name]
    port = {"ports": [{"name": names.ROUTER_PORT_NAME, "containerPort": names.ROUTER_PORT, "protocol": "TCP"}]}
    front = {**_envoy(policy, defaults), "restartPolicy": "Always", **port}
    other = {"securityContext": {**RESTRICTED_CONTAINER, "runAsUser": USER}} if defaults.assign_user else {}
    return [made | other, front | other]


def beside_volumes(policy: RoutingPolicy) -> list[dict[str, Any]]:
    """What these mount."""
    return [empty_dir(RUN), empty_dir(SCRATCH), token_volume(TOKEN), *certificate_volumes(policy)]


def _envoy(policy: RoutingPolicy, defaults: Defaults) -> dict[str, Any]:
    return {
        "name": names.ENVOY_CONTAINER,
        "image": defaults.envoy_image,
        "command": ["envoy"],
        "args": [
            "--config-path", BOOTSTRAP, "--reject-unknown-dynamic-fields", "--disable-hot-restart",
            "--log-level", "warning", "--file-flush-interval-msec", str(LOG_FLUSH), "--drain-time-s", str(DRAIN_SECONDS), "--concurrency", str(workers(policy)),
        ],
        "env": [{"name": names.MODULES_VARIABLE, "value": names.RUN_DIR}],
        "ports": [{"name": "http", "containerPort": names.ROUTER_PORT, "protocol": "TCP"}],
        "resources": template.resources(policy.spec.router.resources, ENVOY_REQUESTS),
        **OURS,
        "volumeMounts": [{"name": RUN, "mountPath": names.RUN_DIR}, *_certificate_mounts(policy)],
        "readinessProbe": _probe("/ready", names.BRAIN_PORT, period=2, failures=2),
        "livenessProbe": {
            **_probe("/healthz", names.PROBE_PORT, period=10, failures=3),
            "initialDelaySeconds": 10,
            "terminationGracePeriodSeconds": HUNG_GRACE,
        },
    }  # fmt: skip


def _brain(policy: RoutingPolicy, defaults: Defaults, scratch: str, token: str, drain_seconds: int) -> dict[str, Any]:
    name = policy.metadata.name
    return {
        "name": names.BRAIN_CONTAINER,
        "image": defaults.brain_image,
        "restartPolicy": "Always",
        "args": [
            "brain", "--namespace", policy.metadata.namespace, "--config-map", names.router(name),
            "--run-dir", names.RUN_DIR, "--port", str(names.BRAIN_PORT), "--drain-seconds", str(drain_seconds),
            "--drain-key", names.drain_key(policy.metadata.uid), "--memory", str(_memory(policy)),
            *([NATIVE] if NATIVE_ENVOY.search(defaults.envoy_image) else []),
            *(["--collector", collector(policy)] if collector(policy) else []),
            *(["--certificate", CERTIFICATE_DIR] if policy.spec.router.tls else []),
            *(["--trusted-hops", str(hops)] if (hops := policy.spec.router.client_address.trusted_hops) else []),
        ],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - an emptyDir of the Pod's own
            {"name": names.BIND_VARIABLE, "value": defaults.bind_address},
            *([] if defaults.log_format == "text" else [{"name": "TIDEGATE_LOG_FORMAT", "value": defaults.log_format}]),
        ],
        "ports": [{"name": "brain", "containerPort": names.BRAIN_PORT, "protocol": "TCP"}],
        "resources": template.resources(policy.spec.router.brain.resources, BRAIN_REQUESTS),
        **OURS,
        "volumeMounts": [
            {"name": RUN, "mountPath": names.RUN_DIR},
            {"name": scratch, "mountPath": "/tmp"},  # noqa: S108
            {"name": token, "mountPath": TOKEN_DIR, "readOnly": True},
            *_certificate_mounts(policy),
        ],
        "startupProbe": _probe("/started", names.BRAIN_PORT, period=1, failures=120),
        "livenessProbe": {
            **_probe("/livez", names.BRAIN_PORT, period=10, failures=6),
            "terminationGracePeriodSeconds": HUNG_GRACE,
        },
    }  # fmt: skip


def _with_caches(resources: dict[str, Any], mebibytes: int) -> dict[str, Any]:
    """What the brain may take without caches, and what these need besides, in requests and limits alike."""
    if not mebibytes:
        return resources
    return {
        block: {
            kind: bytes_quantity(amount(value) + mebibytes * MEBI) if kind == "memory" else value
            for kind, value in of.items()
        }
        for block, of in resources.items()
    }


def policy_beside(model: Manifest) -> str:
    """The policy that a ModelDeployment names for a router in its Pods; empty for none."""
    named = part(part(model.get("spec"), "engine"), "sidecarRouter")
    return text(part(named, "routingPolicyRef"), "name")


def is_beside(policy: Manifest) -> bool:
    """Whether a RoutingPolicy's routers are in the Pods of engines."""
    return text(part(policy.get("spec"), "router"), "placement") == SIDECAR


def workers(policy: RoutingPolicy) -> int:
    """Envoy's threads: as many as the CPUs that it may use, or is sure of. Without a number it starts one for each of the node's."""
    asked = policy.spec.router.resources
    cpus = asked.limits.get("cpu") or asked.requests.get("cpu") or "0"
    return max(ceil(amount(cpus)), 1 if "cpu" in asked.limits else 2)


def _memory(policy: RoutingPolicy) -> int:
    """Bytes that Envoy's container may take; 0 is no limit."""
    return int(amount(policy.spec.router.resources.limits.get("memory", "0")))


def collector(policy: RoutingPolicy) -> str:
    """Where traces go; empty for nowhere."""
    tracing = policy.spec.observability.tracing
    return tracing.otlp_endpoint if tracing else ""


def drain(uid: str) -> dict[str, Any]:
    """The request that a preStop hook makes."""
    headers = [{"name": names.DRAIN_HEADER, "value": names.drain_key(uid)}]
    return {"path": "/drain", "port": names.BRAIN_PORT, "httpHeaders": headers}


def _probe(path: str, port: int, *, period: int, failures: int) -> dict[str, Any]:
    check = {"path": path, "port": port}
    return {"httpGet": check, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}


def certificate_volumes(policy: RoutingPolicy) -> list[dict[str, Any]]:
    """Of the Pod."""
    tls = policy.spec.router.tls
    secret = {"secretName": tls.secret_ref.name, "defaultMode": 0o440} if tls else {}
    return [{"name": CERTIFICATE, "secret": secret}] if tls else []


def _certificate_mounts(policy: RoutingPolicy) -> list[dict[str, Any]]:
    """Of Envoy, which shows it, and of the brain, which says what is wrong with it. The whole folder: kubelet never renews single files."""
    return [{"name": CERTIFICATE, "mountPath": CERTIFICATE_DIR, "readOnly": True}] if policy.spec.router.tls else []


def token_volume(name: str = "token") -> dict[str, Any]:
    """The API token, for the brain alone: what automounting would give to every container of the Pod."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": name, "projected": {"defaultMode": 0o440, "sources": sources}}
