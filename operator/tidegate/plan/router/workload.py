"""A policy's routers as Kubernetes objects: Pods of Envoy with a brain beside it, and the little that they may read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any, Final

from tidegate import names
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.api.values import amount
from tidegate.contract.router_config import RouterConfig
from tidegate.plan.kube import template
from tidegate.plan.kube.objects import OURS, child, empty_dir, pod_security, router_labels
from tidegate.plan.plan import Manifest
from tidegate.plan.router import certificate
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
ACCOUNT_ANNOTATION: Final = f"{names.GROUP}/account-uid"
TOKEN_DIR: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
ENVOY_REQUESTS: Final = {"cpu": "250m", "memory": "256Mi"}
BRAIN_REQUESTS: Final = {"cpu": "100m", "memory": "128Mi"}


def pod_spec(policy: RoutingPolicy, defaults: Defaults) -> dict[str, Any]:
    """The brain starts first (Envoy exits when its files are missing) and ends last (it drains Envoy)."""
    router = policy.spec.router
    return {
        "serviceAccountName": names.router(policy.metadata.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": DRAIN_SECONDS + 30,
        "securityContext": pod_security(assign_user=defaults.assign_user),
        **template.pull_secrets(router.image_pull_secrets),
        "initContainers": [_brain(policy, defaults)],
        "containers": [_envoy(policy, defaults)],
        "volumes": [empty_dir("run"), empty_dir("scratch"), _token_volume(), *certificate.volumes(policy)],
        "topologySpreadConstraints": [_apart(policy)],
        **template.scheduling(router.scheduling),
    }


def _apart(policy: RoutingPolicy) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": router_labels(policy.metadata.name)},
    }


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
        "volumeMounts": [{"name": "run", "mountPath": names.RUN_DIR}, *certificate.mounts(policy)],
        "readinessProbe": _probe("/ready", names.BRAIN_PORT, period=2, failures=2),
        "livenessProbe": {
            **_probe("/healthz", names.PROBE_PORT, period=10, failures=3),
            "initialDelaySeconds": 10,
            "terminationGracePeriodSeconds": HUNG_GRACE,
        },
        # the brain answers when the last stream has ended
        "lifecycle": {"preStop": {"httpGet": _drain(policy.metadata.uid)}},
    }  # fmt: skip


def _brain(policy: RoutingPolicy, defaults: Defaults) -> dict[str, Any]:
    name = policy.metadata.name
    return {
        "name": names.BRAIN_CONTAINER,
        "image": defaults.brain_image,
        "restartPolicy": "Always",
        "args": [
            "brain", "--namespace", policy.metadata.namespace, "--config-map", names.router(name),
            "--run-dir", names.RUN_DIR, "--port", str(names.BRAIN_PORT), "--drain-seconds", str(DRAIN_SECONDS),
            "--drain-key", names.drain_key(policy.metadata.uid), "--memory", str(_memory(policy)),
            *([NATIVE] if NATIVE_ENVOY.search(defaults.envoy_image) else []),
            *(["--collector", collector(policy)] if collector(policy) else []),
            *certificate.arguments(policy),
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
            {"name": "run", "mountPath": names.RUN_DIR},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108
            {"name": "token", "mountPath": TOKEN_DIR, "readOnly": True},
            *certificate.mounts(policy),
        ],
        "startupProbe": _probe("/started", names.BRAIN_PORT, period=1, failures=120),
        "livenessProbe": {
            **_probe("/livez", names.BRAIN_PORT, period=10, failures=6),
            "terminationGracePeriodSeconds": HUNG_GRACE,
        },
    }  # fmt: skip


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


def _drain(uid: str) -> dict[str, Any]:
    headers = [{"name": names.DRAIN_HEADER, "value": names.drain_key(uid)}]
    return {"path": "/drain", "port": names.BRAIN_PORT, "httpHeaders": headers}


def _probe(path: str, port: int, *, period: int, failures: int) -> dict[str, Any]:
    check = {"path": path, "port": port}
    return {"httpGet": check, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}


def _token_volume() -> dict[str, Any]:
    """The API token, for the brain alone: what automounting would give to every container of the Pod."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": "token", "projected": {"defaultMode": 0o440, "sources": sources}}


def rendered(policy: RoutingPolicy, defaults: Defaults) -> dict[str, Any]:
    """The Deployment's spec without replicas: what the router's ControllerRevision keeps."""
    labels = router_labels(policy.metadata.name)
    metadata = template.metadata(policy.spec.router.pod_metadata, labels)
    return {
        "revisionHistoryLimit": 2,
        "progressDeadlineSeconds": 300,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": metadata, "spec": pod_spec(policy, defaults)},
    }


def deployment(
    owner: Manifest, policy: RoutingPolicy, data: Manifest, account: str, replicas: int | None
) -> dict[str, Any]:
    """The routers; None for `replicas` leaves them to whoever has written them. The uid of their ServiceAccount stands in the template: tokens die with an account, so that one made anew
    needs new Pods."""
    metadata = data["template"]["metadata"]
    annotated = {**metadata, "annotations": {**metadata.get("annotations", {}), ACCOUNT_ANNOTATION: account}}
    count = {} if replicas is None else {"replicas": replicas}
    spec = {**data, **count, "template": {**data["template"], "metadata": annotated}}
    name = policy.metadata.name
    return child("Deployment", names.router(name), owner, router_labels(name), {"spec": spec})


def account(children: Iterable[Manifest]) -> str:
    """The uid of the routers' ServiceAccount; of the last one while it is away for a moment, empty before the first."""
    by_kind = {child["kind"]: child for child in children if child["kind"] in ("Deployment", "ServiceAccount")}
    there = str(by_kind.get("ServiceAccount", {}).get("metadata", {}).get("uid", ""))
    template = by_kind.get("Deployment", {}).get("spec", {}).get("template", {}).get("metadata", {})
    return there or str(template.get("annotations", {}).get(ACCOUNT_ANNOTATION, ""))


def service(owner: Manifest, policy: RoutingPolicy) -> dict[str, Any]:
    """The front door's address."""
    name, wanted = policy.metadata.name, policy.spec.router.service
    labels = router_labels(name)
    port = {"name": "http", "port": policy.spec.router.port, "targetPort": "http", "protocol": "TCP"}
    made = child(
        "Service",
        names.router(name),
        owner,
        labels,
        {"spec": {"type": wanted.type, "selector": labels, "ports": [port]}},
    )
    if wanted.annotations:
        made["metadata"]["annotations"] = dict(wanted.annotations)
    return made


def config_map(owner: Manifest, config: RouterConfig, avoided: Sequence[str] = ()) -> dict[str, Any]:
    """What the routers run, and engines that they are to avoid; watched by the brains through the API."""
    policy = owner["metadata"]["name"]
    hung = {names.AVOIDED_KEY: json.dumps(avoided)} if avoided else {}
    body = {"data": {names.ROUTER_CONFIG_KEY: config.text(), **hung}}
    return child("ConfigMap", names.router(policy), owner, router_labels(policy), body)
