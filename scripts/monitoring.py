"""manifests/monitoring: the rules once more, as the Prometheus Operator and as the small Prometheus of ours take them."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Final

FOLDER = Path(__file__).resolve().parents[1] / "manifests/monitoring"
HEADER: Final = """# Written by `make crds` from rules/; do not edit.
#   kubectl --namespace monitoring apply -f manifests/monitoring/prometheusrules.yaml
"""
RULE: Final = """---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tidegate-{name}
spec:
"""
MARK: Final = "---\n# From here on written by `make crds` from rules/; do not edit.\n"
CONFIG_MAP: Final = """apiVersion: v1
kind: ConfigMap
metadata:
  name: prometheus-rules
  namespace: tidegate-monitoring
data:
"""


def files() -> dict[Path, str]:
    """Texts by path."""
    by_hand = (FOLDER / "prometheus.yaml").read_text().partition(MARK)[0]
    return {
        FOLDER / "prometheus.yaml": by_hand + MARK + _config_map(),
        FOLDER / "prometheusrules.yaml": HEADER + "".join(map(_prometheus_rule, _rules())),
    }


def _rules() -> list[Path]:
    return sorted((FOLDER / "rules").glob("*.yaml"))


def _prometheus_rule(file: Path) -> str:
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRule"""
    return RULE.format(name=file.stem) + indent(file.read_text(), "  ")


def _config_map() -> str:
    return CONFIG_MAP + "".join(f"  {file.name}: |\n{indent(file.read_text(), '    ')}" for file in _rules())
