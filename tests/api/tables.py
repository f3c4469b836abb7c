"""good.yaml and bad.yaml as manifests, for the Python rules and for a real API server alike."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SMALLEST: dict[str, dict[str, Any]] = {
    "ModelDeployment": {"model": {"uri": "hf://acme/llama"}, "engine": {"gpus": {"count": 1}}},
    "RoutingPolicy": {
        "auth": {"anonymous": {}},
        "backends": [{"name": "small", "modelDeploymentRef": {"name": "llama"}}],
        "routes": [{"name": "chat", "models": ["chat"], "to": {"backends": [{"name": "small"}]}}],
    },
    "CacheTier": {"store": {"managed": {}}},
}


@dataclass(frozen=True)
class Row:
    """One manifest and, if it is bad, what is to be said about it."""

    what: str
    manifest: dict[str, Any]
    field: str = ""
    says: str = ""

    def __str__(self) -> str:
        return self.what


def smallest(kind: str) -> dict[str, Any]:
    """The least that is valid."""
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "small"},
        "spec": copy.deepcopy(SMALLEST[kind]),
    }


def changed(manifest: dict[str, Any], path: str, value: Any) -> None:
    """Sets what is at a dotted path, with numbers for list items."""
    parent, last = _parent(manifest, path)
    parent[last] = value


def rows(name: str) -> list[Row]:
    """Every row of a table."""
    text = (Path(__file__).parent / name).read_text()
    return [row_of(entry) for entry in yaml.safe_load(text)]


def row_of(entry: dict[str, Any]) -> Row:
    """One entry of a table."""
    manifest = smallest(entry["kind"])
    for path, value in entry.get("set", {}).items():
        changed(manifest, path, value)
    for path, length in entry.get("long", {}).items():
        changed(manifest, path, "hf://acme/" + "a" * (length - 10))
    for path in entry.get("remove", []):
        parent, last = _parent(manifest, path)
        del parent[last]
    return Row(entry["what"], manifest, entry.get("field", ""), entry.get("says", ""))


def _parent(manifest: dict[str, Any], path: str) -> tuple[Any, Any]:
    steps = ["metadata", path.removeprefix("metadata.")] if path.startswith("metadata.") else path.split(".")
    found: Any = manifest
    for step in steps[:-1]:
        found = found[int(step) if isinstance(found, list) else step]
    return found, int(steps[-1]) if isinstance(found, list) else steps[-1]
