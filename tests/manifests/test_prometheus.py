"""What can be said of manifests/monitoring/prometheus.yaml without a cluster: e2e/metrics holds the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from e2e.devcluster import build
from tests.support.promtool import promtool

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "manifests/monitoring"
MANIFESTS = {
    (m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all((MONITORING / "prometheus.yaml").read_text())
}
RULES = {file.name: file.read_text() for file in (MONITORING / "rules").iterdir()}


def test_the_image_is_the_one_that_is_tested() -> None:
    [container] = MANIFESTS["Deployment", "prometheus"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"prom/prometheus:v{build.PROMETHEUS_VERSION}"


def test_it_has_the_rules() -> None:
    assert MANIFESTS["ConfigMap", "prometheus-rules"]["data"] == RULES, "run make crds"


def test_the_prometheus_operator_gets_the_rules() -> None:
    objects = list(yaml.safe_load_all((MONITORING / "prometheusrules.yaml").read_text()))
    assert {made["kind"] for made in objects} == {"PrometheusRule"}
    specs = {made["metadata"]["name"]: made["spec"] for made in objects}
    assert specs == {f"tidegate-{Path(name).stem}": yaml.safe_load(text) for name, text in RULES.items()}


@pytest.mark.cluster
def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    """The configuration with the rules, mounted where the container has them."""
    rules = tmp_path / "rules"
    rules.mkdir()
    for name, text in RULES.items():
        (rules / name).write_text(text)
    config = MANIFESTS["ConfigMap", "prometheus"]["data"]["prometheus.yml"]
    [container] = MANIFESTS["Deployment", "prometheus"]["spec"]["template"]["spec"]["containers"]
    [mounted] = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "rules"]
    file = tmp_path / "prometheus.yml"
    file.write_text(config.replace(mounted, str(rules)))
    said = promtool("check", "config", "--lint=all", "--lint-fatal", str(file))
    assert said.count("rules found") == len(RULES)
