"""The examples for Argo CD and Flux name a chart and a version that exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "manifests/argocd/application.yaml", ROOT / "manifests/flux/tidegate.yaml"]
VERSION = yaml.safe_load((ROOT / "charts/tidegate/Chart.yaml").read_text())["appVersion"]


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every field's name with its text."""
    if isinstance(value, dict):
        for key, piece in value.items():
            yield from texts(piece, key)
    elif isinstance(value, list):
        for piece in value:
            yield from texts(piece, name)
    else:
        yield name, str(value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_chart_and_version(file: Path) -> None:
    found = list(texts(list(yaml.safe_load_all(file.read_text()))))
    charts = {text for name, text in found if text.startswith("charts/")}
    assert charts == {"charts/tidegate"}
    assert (ROOT / charts.pop() / "Chart.yaml").exists()
    assert f"v{VERSION}" in {text for name, text in found if name in ("tag", "targetRevision")}
