"""What stands in the install manifest without Helm's help: the whole is held by e2e/install_manifest."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = {
    m["metadata"]["name"]: m
    for m in yaml.safe_load_all((ROOT / "manifests/install/tidegate.yaml").read_text())
    if m and m["kind"] == "CustomResourceDefinition"
}


@pytest.mark.parametrize("file", sorted((ROOT / "crds").glob("*.yaml")), ids=lambda file: file.stem)
def test_it_has_todays_definitions(file: Path) -> None:
    written = yaml.safe_load(file.read_text())
    assert INSTALLED[written["metadata"]["name"]]["spec"] == written["spec"], "run make crds"
