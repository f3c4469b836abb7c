"""The examples are valid, and show every field that there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.test_crd import root
from tidegate.api import KINDS
from tidegate.api.validate import check

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.yaml"))
MANIFESTS = [(path.name, manifest) for path in EXAMPLES for manifest in yaml.safe_load_all(path.read_text())]


@pytest.mark.parametrize(("file", "manifest"), MANIFESTS, ids=[f"{f}-{m['metadata']['name']}" for f, m in MANIFESTS])
def test_valid(file: str, manifest: dict[str, Any]) -> None:
    assert check(manifest) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_shown(kind: str) -> None:
    schema = root(kind)["properties"]["spec"]
    used = {path for _, m in MANIFESTS if m["kind"] == kind for path in written(m["spec"], schema)}
    assert set(declared(schema)) - used == set()


def test_the_smallest_example_is_small() -> None:
    quickstart = [m for file, m in MANIFESTS if file == "quickstart.yaml"]
    assert [m["kind"] for m in quickstart] == ["ModelDeployment", "RoutingPolicy"]


def declared(schema: dict[str, Any], path: str = "spec") -> Iterator[str]:
    """Every field that people may write."""
    for name, piece in schema.get("properties", {}).items():
        if piece.get("description", "").startswith("Refused: "):
            continue
        yield f"{path}.{name}"
        yield from declared(piece, f"{path}.{name}")
    if "items" in schema:
        yield from declared(schema["items"], path)


def written(value: Any, schema: dict[str, Any], path: str = "spec") -> Iterator[str]:
    """Every field that a manifest writes, as far as the schema declares fields."""
    if isinstance(value, list):
        for item in value:
            yield from written(item, schema.get("items", {}), path)
    if isinstance(value, dict):
        for name, piece in value.items():
            yield f"{path}.{name}"
            yield from written(piece, schema.get("properties", {}).get(name, {}), f"{path}.{name}")
