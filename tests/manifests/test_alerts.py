"""manifests/monitoring/rules/alerts.yaml: each alert fires for what is bad, keeps silent about what is good, and has a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.alert_cases import ALERTS, Alert
from tests.support.known_metrics import known, named
from tests.support.promtool import Series, check_rules

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "manifests/monitoring/rules/alerts.yaml"
RULES: Final = {rule["alert"]: rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]}
RUNBOOK = "https://github.com/tidegate/tidegate/blob/main/"


def _worlds(kind: str) -> Iterator[Any]:
    for name, alert in ALERTS.items():
        for why, series in getattr(alert, kind).items():
            yield pytest.param(name, alert, series, id=f"{name}-{why.replace(' ', '_')}")


def _annotations(name: str, alert: Alert) -> dict[str, str]:
    """As Prometheus fills them in."""
    annotations = dict(RULES[name]["annotations"]) | {"summary": alert.summary}
    for template, value in alert.told.items():
        annotations["description"] = annotations["description"].replace(template, value)
    return annotations


def _look(folder: Path, name: str, alert: Alert, series: Series, firing: list[dict[str, Any]]) -> None:
    look = {"eval_time": alert.at, "alertname": name, "exp_alerts": firing}
    check_rules(folder, FILE, series, alert.interval, alert_rule_test=[look])


@pytest.mark.cluster
@pytest.mark.parametrize(("name", "alert", "series"), list(_worlds("bad")))
def test_it_fires(name: str, alert: Alert, series: Series, tmp_path: Path) -> None:
    labels = {"severity": alert.severity, **alert.labels}
    _look(tmp_path, name, alert, series, [{"exp_labels": labels, "exp_annotations": _annotations(name, alert)}])


@pytest.mark.cluster
@pytest.mark.parametrize(("name", "alert", "series"), list(_worlds("good")))
def test_it_keeps_silent(name: str, alert: Alert, series: Series, tmp_path: Path) -> None:
    _look(tmp_path, name, alert, series, [])


def test_every_alert_is_tested() -> None:
    assert RULES.keys() == ALERTS.keys()
    assert [name for name, alert in ALERTS.items() if not alert.bad or not alert.good] == []


@pytest.mark.parametrize("name", list(RULES))
def test_every_metric_exists(name: str) -> None:
    names = named(RULES[name]["expr"])
    assert names
    assert names - known() == set()


def test_every_alert_has_a_page() -> None:
    page = ROOT / "docs/how-to/alerts.md"
    said = re.findall(r"^### (\w+)$", page.read_text(), re.MULTILINE)
    assert said == list(RULES)
    where = f"{RUNBOOK}{page.relative_to(ROOT)}"
    assert {rule["annotations"]["runbook"] for rule in RULES.values()} == {f"{where}#{name.lower()}" for name in said}


@pytest.mark.parametrize("name", list(RULES))
def test_it_says_what_is_the_matter(name: str) -> None:
    assert RULES[name]["annotations"].keys() == {"summary", "description", "runbook"}
    assert RULES[name]["labels"].keys() == {"severity"}
