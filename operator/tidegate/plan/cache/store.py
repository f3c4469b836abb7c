"""A managed store as Kubernetes objects: one Valkey with a password, a Service, a NetworkPolicy and, if asked, a volume."""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.api.cachetier import ManagedStore
from tidegate.api.values import amount, bytes_quantity
from tidegate.plan.kube import template
from tidegate.plan.kube.objects import OURS, child, empty_dir, from_us, pod_security, store_labels
from tidegate.plan.plan import Manifest
from tidegate.plan.world import Defaults

DATA_DIR: Final = "/data"
SECRET_DIR: Final = "/etc/store"  # noqa: S105 - a path
SERVER_FILE: Final = "auth.conf"
BESIDE_ENGINES: Final = {
    "podSelector": {
        "matchLabels": {names.ROLE_LABEL: names.ROLE_ENGINE},
        "matchExpressions": [{"key": names.POLICY_LABEL, "operator": "Exists"}],
    }
}
"""NetworkPolicyPeer: Pods of engines with a router in them."""
SECRET_UID_ANNOTATION: Final = f"{names.GROUP}/secret-uid"


def secret(owner: Manifest, password: str) -> dict[str, Any]:
    """The password: as a key for clients, and as a line of configuration for the server, so that no argv holds it."""
    tier = owner["metadata"]["name"]
    body = {
        "type": "Opaque",
        "stringData": {names.STORE_PASSWORD_KEY: password, SERVER_FILE: f"requirepass {password}\n"},
    }
    return child("Secret", names.store(tier), owner, store_labels(tier), body)


def stateful_set(
    owner: Manifest, store: ManagedStore, defaults: Defaults, secret_uid: str, live: Manifest | None
) -> dict[str, Any]:
    """One Valkey. `secret_uid` stands in the template, so that a new password restarts the server with it."""
    tier = owner["metadata"]["name"]
    labels = store_labels(tier)
    metadata = template.metadata(store.pod_metadata, labels, {SECRET_UID_ANNOTATION: secret_uid})
    spec: dict[str, Any] = {
        "serviceName": names.store(tier),
        "replicas": 1,
        "podManagementPolicy": _management(live),
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": metadata, "spec": _pod(tier, store, defaults)},
    }
    if store.storage:
        retain = store.storage.retention.when_deleted
        spec["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": retain, "whenScaled": "Retain"}
        spec["volumeClaimTemplates"] = [_claim_template(store, labels)]
    return child("StatefulSet", names.store(tier), owner, labels, {"spec": spec})


def _management(live: Manifest | None) -> str:
    """Parallel, so that a template that is mended replaces a Pod that never became ready. What is there keeps its value,
    which cannot be changed."""
    return str(live["spec"].get("podManagementPolicy", "OrderedReady")) if live else "Parallel"


def _pod(tier: str, store: ManagedStore, defaults: Defaults) -> dict[str, Any]:
    items = [{"key": SERVER_FILE, "path": SERVER_FILE}]
    volumes = [
        {"name": "auth", "secret": {"secretName": names.store(tier), "items": items, "defaultMode": 0o440}},
        *([] if store.storage else [empty_dir("data")]),
    ]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": pod_security(assign_user=defaults.assign_user),
        **template.pull_secrets(store.image_pull_secrets),
        "containers": [_container(tier, store, defaults)],
        "volumes": volumes,
        **template.scheduling(store.scheduling),
    }


def _container(tier: str, store: ManagedStore, defaults: Defaults) -> dict[str, Any]:
    password = {"secretKeyRef": {"name": names.store(tier), "key": names.STORE_PASSWORD_KEY}}
    ping = {"exec": {"command": ["valkey-cli", "-e", "-p", str(names.STORE_PORT), "ping"]}}
    with_headroom = bytes_quantity(amount(store.memory) * 5 / 4)
    return {
        "name": names.STORE_CONTAINER,
        "image": store.image or defaults.store_image,
        "command": ["valkey-server", f"{SECRET_DIR}/{SERVER_FILE}"],
        "args": _args(store),
        "env": [{"name": "REDISCLI_AUTH", "valueFrom": password}],
        "ports": [{"name": "valkey", "containerPort": names.STORE_PORT, "protocol": "TCP"}],
        "resources": template.resources(
            store.resources, {"cpu": "100m", "memory": with_headroom}, {"memory": with_headroom}
        ),
        **OURS,
        "volumeMounts": [
            {"name": "data", "mountPath": DATA_DIR},
            {"name": "auth", "mountPath": SECRET_DIR, "readOnly": True},
        ],
        # loading a large file takes long: the server answers LOADING, which is not ready and not dead
        "startupProbe": {**ping, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 300},
        "readinessProbe": {**ping, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**ping, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
    }


def _args(store: ManagedStore) -> list[str]:
    """Bounded memory, in which nothing is thrown out for something new: a count that is gone lets a client begin afresh. An append-only file if there is a volume to keep it on, no file at all if not."""
    durable = ["--appendonly", "yes"] if store.storage else ["--appendonly", "no", "--save", ""]
    return [
        # both families; the dash is for a kernel that lacks the second one
        "--bind", "*", "-::*", "--port", str(names.STORE_PORT), "--dir", DATA_DIR,
        "--maxmemory", str(int(amount(store.memory))), "--maxmemory-policy", "noeviction", *durable,
    ]  # fmt: skip


def _claim_template(store: ManagedStore, labels: dict[str, str]) -> dict[str, Any]:
    assert store.storage is not None
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": store.storage.size}},
    }
    if store.storage.storage_class_name:
        spec["storageClassName"] = store.storage.storage_class_name
    metadata = {"name": "data", "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def service(owner: Manifest) -> dict[str, Any]:
    """The store's address; headless, because there is one Pod and its name is stable."""
    tier = owner["metadata"]["name"]
    labels = store_labels(tier)
    port = {"name": "valkey", "port": names.STORE_PORT, "targetPort": "valkey", "protocol": "TCP"}
    spec = {"clusterIP": "None", "selector": labels, "ports": [port]}
    return child("Service", names.store(tier), owner, labels, {"spec": spec})


def network_policy(owner: Manifest, defaults: Defaults) -> dict[str, Any]:
    """Only routers of the namespace, those in engines' Pods among them, and the operator reach the store."""
    tier = owner["metadata"]["name"]
    labels = store_labels(tier)
    ports = [{"port": names.STORE_PORT, "protocol": "TCP"}]
    ingress = [{"from": [*from_us(defaults.operator_namespace), BESIDE_ENGINES], "ports": ports}]
    spec = {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"], "ingress": ingress}
    return child("NetworkPolicy", names.store(tier), owner, labels, {"spec": spec})
