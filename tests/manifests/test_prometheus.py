"""What can be said of manifests/monitoring/prometheus.yaml without a cluster: e2e/metrics holds the rest."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from e2e.devcluster import build

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = {m["kind"]: m for m in yaml.safe_load_all((ROOT / "manifests/monitoring/prometheus.yaml").read_text())}


def test_the_image_is_the_one_that_is_tested() -> None:
    [container] = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"prom/prometheus:v{build.PROMETHEUS_VERSION}"


@pytest.mark.cluster
def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(MANIFESTS["ConfigMap"]["data"]["prometheus.yml"])
    argv = [str(build.prometheus(print) / "promtool"), "check", "config", "--lint=all", "--lint-fatal", str(file)]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
