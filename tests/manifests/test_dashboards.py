"""manifests/monitoring/dashboards: PromQL that parses, of metrics that exist, in files that Grafana's sidecar finds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from scripts import dashboards
from tests.support.known_metrics import known, named
from tests.support.promtool import promtool

FILES: Final = sorted(dashboards.FOLDER.glob("*.json"))
INTERVALS: Final = {"$__rate_interval": "5m", "$__range": "1h"}
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def _content(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def _panels(file: Path) -> list[dict[str, Any]]:
    return [panel for panel in _content(file)["panels"] if panel["type"] != "row"]


def _variables(file: Path) -> list[dict[str, Any]]:
    return [each for each in _content(file)["templating"]["list"] if each["type"] == "query"]


def _expressions(file: Path) -> Iterator[str]:
    """Of panels, and the series that variables take their values from; with an interval in place of Grafana's."""
    asked = [target["expr"] for panel in _panels(file) for target in panel["targets"]]
    series = [re.sub(r"^label_values\((.*), \w+\)$", r"\1", each["query"]["query"]) for each in _variables(file)]
    for expression in [*asked, *series]:
        yield re.sub(r"\$__\w+", lambda found: INTERVALS[found[0]], expression)


def test_generated_files_are_current() -> None:
    assert {path: path.read_text() for path in FILES} == dashboards.files(), "run make crds"


@pytest.mark.cluster
@each_file
def test_every_expression_is_promql(file: Path, tmp_path: Path) -> None:
    rules = [{"record": f"r{number}", "expr": expr} for number, expr in enumerate(_expressions(file))]
    written = tmp_path / "rules.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(written))


def test_names_are_found() -> None:
    assert named('sum by (a, le) (rate(b_total{c=~"d{2}|e"}[5m])) / scalar(f:g) or 0.5 * vector(1) unless on (h) i') == {
        "b_total", "f:g", "i"
    }  # fmt: skip


@each_file
def test_every_metric_exists(file: Path) -> None:
    assert {name for expr in _expressions(file) for name in named(expr)} - known() == set()


@each_file
def test_every_variable_is_there(file: Path) -> None:
    used = {name for expr in _expressions(file) for name in re.findall(r"\$(\w+)", expr)}
    assert used == {variable["name"] for variable in _variables(file)}


@each_file
def test_every_label_of_a_legend_is_kept(file: Path) -> None:
    for target in (target for panel in _panels(file) for target in panel["targets"]):
        kept = {label for labels in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in labels.split(", ")}
        told = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert told <= kept or "by (" not in target["expr"], target["expr"]


@each_file
def test_panels_lie_side_by_side(file: Path) -> None:
    panels = _content(file)["panels"]
    taken = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_addresses_differ() -> None:
    assert len({_content(file)["uid"] for file in FILES}) == len(FILES) == 5


def test_the_sidecar_finds_them() -> None:
    kubectl = Path(sys.executable).parent / "kubectl"
    argv = [str(kubectl), "kustomize", str(dashboards.FOLDER)]
    built = subprocess.run(argv, check=True, capture_output=True, timeout=60)
    made = yaml.safe_load(built.stdout)
    assert (made["kind"], made["metadata"]["labels"]) == ("ConfigMap", {"grafana_dashboard": "1"})
    assert {name: json.loads(text) for name, text in made["data"].items()} == {
        file.name: _content(file) for file in FILES
    }
