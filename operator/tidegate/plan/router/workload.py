"""A policy's routers as Kubernetes objects: Pods of Envoy with a brain beside it, and the little that they may read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tidegate import names
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.contract.router_config import RouterConfig
from tidegate.plan import containers
from tidegate.plan.kube import template
from tidegate.plan.kube.objects import child, empty_dir, pod_security, router_labels
from tidegate.plan.kube.reading import part, text
from tidegate.plan.plan import Manifest
from tidegate.plan.world import Defaults

ACCOUNT_ANNOTATION: Final = f"{names.GROUP}/account-uid"
CACHE_MEMORY_ANNOTATION: Final = f"{names.GROUP}/cache-memory"
"""Mebibytes that the brain's container has for caches."""


def pod_spec(policy: RoutingPolicy, defaults: Defaults, cache_memory: int = 0) -> dict[str, Any]:
    """The brain starts first (Envoy exits when its files are missing) and ends last (it drains Envoy)."""
    router = policy.spec.router
    return {
        "serviceAccountName": names.router(policy.metadata.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": containers.DRAIN_SECONDS + 30,
        "securityContext": pod_security(assign_user=defaults.assign_user),
        **template.pull_secrets(router.image_pull_secrets),
        "initContainers": [containers.brain(policy, defaults, cache_memory)],
        "containers": [containers.envoy(policy, defaults)],
        "volumes": [
            empty_dir("run"),
            empty_dir("scratch"),
            containers.token_volume(),
            *containers.certificate_volumes(policy),
        ],
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


def rendered(policy: RoutingPolicy, defaults: Defaults, cache_memory: int = 0) -> dict[str, Any]:
    """The Deployment's spec without replicas: what the router's ControllerRevision keeps. `cache_memory` is in mebibytes."""
    labels = router_labels(policy.metadata.name)
    noted = {CACHE_MEMORY_ANNOTATION: str(cache_memory)} if cache_memory else {}
    metadata = template.metadata(policy.spec.router.pod_metadata, labels, noted)
    return {
        "revisionHistoryLimit": 2,
        "progressDeadlineSeconds": 300,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": metadata, "spec": pod_spec(policy, defaults, cache_memory)},
    }


def cache_memory(deployment: Manifest) -> int:
    """Mebibytes that the brains of a Deployment have for caches."""
    template_ = part(part(deployment.get("spec"), "template"), "metadata")
    noted = text(part(template_, "annotations"), CACHE_MEMORY_ANNOTATION)
    return int(noted) if noted.isdecimal() else 0


def deployment(
    owner: Manifest, policy: RoutingPolicy, data: Manifest, account: str, replicas: int | None
) -> dict[str, Any]:
    """The routers; None for `replicas` leaves them to whoever has written them. The uid of their ServiceAccount stands in the
    template: tokens die with an account, so that one made anew needs new Pods."""
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


def service(owner: Manifest, policy: RoutingPolicy, selector: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The front door's address. `selector` is that of engines' Pods with a router, in which the port called http is the engine's."""
    name, wanted = policy.metadata.name, policy.spec.router.service
    labels, target = router_labels(name), "http" if selector is None else names.ROUTER_PORT
    port = {"name": "http", "port": policy.spec.router.port, "targetPort": target, "protocol": "TCP"}
    made = child(
        "Service",
        names.router(name),
        owner,
        labels,
        {"spec": {"type": wanted.type, "selector": dict(selector or labels), "ports": [port]}},
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
