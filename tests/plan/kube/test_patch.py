"""The strategic merge does what `kubectl patch --type=strategic` does."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate.plan.kube.patch import merged

BASE: dict[str, Any] = {
    "metadata": {"labels": {"a": "1", "b": "2"}},
    "spec": {
        "nodeSelector": {"gpu": "l4", "zone": "a"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
        "containers": [
            {
                "name": "engine",
                "image": "vllm",
                "args": ["--a", "--b"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}},
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}],
            },
            {"name": "log", "image": "busybox"},
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "shm", "emptyDir": {"medium": "Memory"}}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
    },
}
PATCHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a scalar": {"spec": {"priorityClassName": "high"}},
    "maps merge": {"metadata": {"labels": {"b": "3", "c": "4"}}, "spec": {"nodeSelector": {"zone": "b"}}},
    "null removes": {"spec": {"nodeSelector": {"zone": None}, "tolerations": None}},
    "null of what is not there": {"spec": {"affinity": None}},
    "a whole map is removed": {"spec": {"nodeSelector": None}},
    "atomic lists are replaced": {"spec": {"tolerations": [{"key": "x", "operator": "Exists"}]}},
    "containers merge by name": {"spec": {"containers": [{"name": "engine", "image": "vllm:2", "args": ["--c"]}]}},
    "env merges by name": {"spec": {"containers": [{"name": "engine", "env": [{"name": "B", "value": "3"}]}]}},
    "limits merge": {"spec": {"containers": [{"name": "engine", "resources": {"limits": {"memory": "1Gi"}}}]}},
    "mounts merge by path": {
        "spec": {"containers": [{"name": "engine", "volumeMounts": [{"mountPath": "/tmp", "name": "other"}]}]}
    },
    "volumes merge by name": {"spec": {"volumes": [{"name": "shm", "emptyDir": {"sizeLimit": "1Gi"}}]}},
    "a volume of another kind": {"spec": {"volumes": [{"name": "shm", "emptyDir": None, "hostPath": {"path": "/x"}}]}},
    "an item is deleted": {"spec": {"containers": [{"name": "log", "$patch": "delete"}]}},
    "an item that is not there is deleted": {"spec": {"volumes": [{"name": "none", "$patch": "delete"}]}},
    "spread merges by topology": {
        "spec": {"topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 2}]},
    },
    "aliases merge by address": {"spec": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["b"]}]}},
    "a new map": {"spec": {"securityContext": {"runAsUser": 1, "fsGroup": None}}},
    "a new list": {"spec": {"initContainers": [{"name": "copy", "image": "busybox"}]}},
}
ADDING: dict[str, dict[str, Any]] = {
    "a new container": {"spec": {"containers": [{"name": "sidecar", "image": "busybox"}]}},
    "a new variable": {"spec": {"containers": [{"name": "engine", "env": [{"name": "C", "value": "3"}]}]}},
    "a new secret": {"spec": {"imagePullSecrets": [{"name": "more"}]}},
}


@pytest.mark.parametrize("name", PATCHES)
def test_like_kubectl(name: str, tmp_path: Path) -> None:
    assert merged(BASE, PATCHES[name]) == kubectl(PATCHES[name], tmp_path)


@pytest.mark.parametrize("name", ADDING)
def test_like_kubectl_but_for_the_order_of_new_items(name: str, tmp_path: Path) -> None:
    """kubectl puts new items first, we put them last: the engine stays the first container."""
    ours = merged(BASE, ADDING[name])
    assert in_order(ours) == in_order(kubectl(ADDING[name], tmp_path))
    assert ours["spec"]["containers"][0]["name"] == "engine"


@pytest.mark.parametrize("name", PATCHES | ADDING)
def test_neither_is_changed(name: str) -> None:
    patch = (PATCHES | ADDING)[name]
    base_before, patch_before = copy.deepcopy(BASE), copy.deepcopy(patch)
    merged(BASE, patch)
    assert (base_before, patch_before) == (BASE, patch)


def kubectl(patch: dict[str, Any], folder: Path) -> Any:
    """The Pod template of a Deployment after kubectl patched it."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"selector": {}, "template": BASE},
    }
    file = folder / "deployment.json"
    file.write_text(json.dumps(deployment))
    wanted = json.dumps({"spec": {"template": patch}})
    binary = Path(sys.executable).parent / "kubectl"
    argv = [str(binary), "patch", "--local", "--type=strategic", "-f", str(file), "-p", wanted, "-o", "json"]
    answer = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(answer.stdout)["spec"]["template"]


def in_order(value: Any) -> Any:
    """With every list of named items sorted."""
    if isinstance(value, dict):
        return {key: in_order(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [in_order(item) for item in value]
        return sorted(items, key=lambda item: str(item.get("name")) if isinstance(item, dict) else "")
    return value
