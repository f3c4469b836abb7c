"""Volumes: what kubelet prepares is what the container sees."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Namespace
from .manifests import container, pod

pytestmark = pytest.mark.cluster


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def claim(name: str, **spec: Any) -> dict[str, Any]:
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": request}


def mounts(*names: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"name": name, "mountPath": f"/v/{name}", **fields} for name in names]


def test_volumes_of_each_kind_are_seen(ns: Namespace) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secret"}, "stringData": {"key": "hidden"}}
    projected = [
        {"configMap": {"name": "config"}},
        {"downwardAPI": {"items": [{"path": "pod", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "me"}},
    ]
    volumes = [
        {"name": "config", "configMap": {"name": "config"}},
        {"name": "secret", "secret": {"secretName": "secret", "defaultMode": 0o440}},
        {"name": "projected", "projected": {"sources": projected}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    ]
    script = """
        cat /v/config/key /v/secret/key /v/projected/key /v/projected/pod; cut -c1-2 /v/projected/token; echo
        touch /v/config/x 2>/dev/null || echo read-only
        grep -o '/v/memory tmpfs' /proc/mounts; df -m /v/memory | tail -1 | tr -s ' ' | cut -d' ' -f2
        df -m /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2
        cat /etc/single; hostname
    """
    single = {"name": "config", "mountPath": "/etc/single", "subPath": "key"}
    everywhere = [*mounts("config", "secret", "projected", "memory"), single]
    main = container(["sh", "-c", script], volumeMounts=everywhere)
    ns.apply(config_map("config", key="open\n"), secret, pod("volumes", main, volumes=volumes, restartPolicy="Never"))

    assert ns.until_ended("volumes")["exitCode"] == 0
    words = ["open", "hiddenopen", "volumesey", "read-only", "/v/memory", "tmpfs", "16", "64", "open", "volumes"]
    assert ns.logs("volumes").split() == words


def test_a_config_map_reaches_its_volume_when_it_changes(ns: Namespace) -> None:
    main = container(["sh", "-c", "while sleep 0.2; do cat /v/config/key; done"], volumeMounts=mounts("config"))
    volume = {"name": "config", "configMap": {"name": "config"}}
    ns.apply(config_map("config", key="before\n"), pod("reads", main, volumes=[volume]))
    ns.until_log("reads", "before")
    ns.apply(config_map("config", key="after\n"))
    ns.kubectl("annotate", "pod", "reads", "sync=now")  # kubelet looks at once instead of within a minute
    ns.until_log("reads", "after")


def test_a_claim_is_bound_shared_by_nodes_and_deleted(ns: Namespace) -> None:
    ns.apply(claim("data"))
    volume: dict[str, Any] = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}

    def writer(name: str, script: str, node: str) -> dict[str, Any]:
        main = container(["sh", "-c", script], volumeMounts=mounts("data"))
        return pod(name, main, nodeName=node, restartPolicy="Never", securityContext={"runAsUser": 1000}, **volume)

    ns.apply(writer("writes", "echo kept > /v/data/file", "node1"))
    assert ns.until_ended("writes")["exitCode"] == 0
    ns.apply(writer("reads", "cat /v/data/file", "node2"))
    assert ns.until_ended("reads")["exitCode"] == 0
    assert ns.logs("reads").strip() == "kept"

    bound = ns.cluster.api.get(f"{ns.path}/persistentvolumeclaims/data")["spec"]["volumeName"]
    folder = ns.cluster.settings.volumes / bound
    assert (folder / "file").read_text() == "kept\n"
    ns.kubectl("delete", "pod/writes", "pod/reads", "pvc/data", "--wait=false")
    ns.until(lambda: not folder.exists(), "the volume's folder is deleted")
    ns.until(lambda: bound not in ns.kubectl("get", "pv", "-o", "name"), "the volume is deleted")
