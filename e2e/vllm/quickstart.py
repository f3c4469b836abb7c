"""The quickstart with a real vLLM: the same names, but weights from a folder of this machine and the flags of a CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from e2e.devcluster.settings import cache_folder

FLAGS = ["--load-format", "dummy", "--enforce-eager"]


def home() -> Path:
    """Where e2e/vllm/install puts vLLM and the model."""
    return Path(os.environ.get("TIDEGATE_VLLM_HOME") or cache_folder() / "vllm").resolve()


def manifests() -> list[dict[str, Any]]:
    """A volume with the model, and examples/quickstart.yaml's two objects."""
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadOnlyMany"],
        "storageClassName": "",
        "hostPath": {"path": str(home() / "tiny")},
        "claimRef": {"namespace": "default", "name": "tiny"},
    }
    claim = {
        "accessModes": ["ReadOnlyMany"],
        "storageClassName": "",
        "volumeName": "tiny",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    engine = {"gpus": {"count": 1}, "dtype": "float32", "maxModelLen": 1024, "maxNumSeqs": 8, "args": FLAGS}
    return [
        _object("v1", "PersistentVolume", "tiny", volume),
        _object("v1", "PersistentVolumeClaim", "tiny", claim),
        _object("tidegate.dev/v1alpha1", "ModelDeployment", "qwen", {"model": {"uri": "pvc://tiny"}, "engine": engine}),
        _object("tidegate.dev/v1alpha1", "RoutingPolicy", "chat", _policy()),
    ]


def _policy() -> dict[str, Any]:
    return {
        "auth": {"anonymous": {}},
        "backends": [{"name": "small", "modelDeploymentRef": {"name": "qwen"}}],
        "routes": [{"name": "chat", "models": ["chat"], "to": {"backends": [{"name": "small"}]}}],
    }


def _object(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
