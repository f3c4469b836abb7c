"""The images that Tidegate's manifests name, run as they are there."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.devcluster import ClusterError

from .conftest import Namespace
from .manifests import container, pod

pytestmark = pytest.mark.cluster

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
AS_ANYBODY = {"runAsUser": 999, "runAsGroup": 999, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
ANYBODY: dict[str, Any] = {"securityContext": AS_ANYBODY}


def image(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": name, "securityContext": RESTRICTED, **fields}


def test_valkey_answers_its_own_client(ns: Namespace) -> None:
    ping = {"exec": {"command": ["valkey-cli", "-e", "-p", "6380", "ping"]}, "periodSeconds": 1}
    fields: dict[str, Any] = {
        "args": ["--port", "6380", "--requirepass", "secret"],
        "env": [{"name": "REDISCLI_AUTH", "value": "secret"}],
        "readinessProbe": ping,
    }
    ns.apply(pod("store", image("valkey/valkey:9.1", **fields), **ANYBODY))
    ns.until_ready("store")
    client = ["exec", "store", "--", "valkey-cli", "-p", "6380"]
    assert ns.kubectl(*client, "set", "key", "value").strip() == "OK"
    assert ns.kubectl(*client, "get", "key").strip() == "value"
    assert ns.kubectl(*client, "get", "none").strip() == "(nil)"
    assert "ERR" in ns.kubectl(*client, "nonsense")
    with pytest.raises(ClusterError, match="WRONGPASS"):
        ns.kubectl(*client, "-a", "wrong", "-e", "ping")


def test_envoy_starts_with_its_program_named_or_not(ns: Namespace) -> None:
    ns.apply(
        pod("named", image("envoyproxy/envoy:v1.40.0", args=["envoy", "--version"]), restartPolicy="Never"),
        pod("flags", image("docker.io/envoyproxy/envoy:x", args=["--version"]), restartPolicy="Never"),
        pod("command", image("envoyproxy/envoy:v1", command=["envoy", "--version"]), restartPolicy="Never", **ANYBODY),
    )
    for name in ("named", "flags", "command"):
        assert ns.until_ended(name)["exitCode"] == 0
        assert "/RELEASE/" in ns.logs(name)


def test_a_pod_of_one_user_gets_its_token(ns: Namespace) -> None:
    """kubelet gives the token to that user, and would not start the Pod if it could not."""
    read = container(["sh", "-c", "id -u; cut -c1-2 /var/run/secrets/kubernetes.io/serviceaccount/token"])
    ns.apply(pod("reads", read, restartPolicy="Never", **ANYBODY))
    ns.until_ended("reads")
    assert ns.logs("reads").split() == ["999", "ey"]
