"""Writes manifests/install/tidegate.yaml: what the chart renders with its defaults, for people without Helm."""

from __future__ import annotations

import sys
from pathlib import Path

from e2e.devcluster.build import kubernetes
from e2e.install import render_chart

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "manifests/install/tidegate.yaml"
HEADER = """# Written by `make crds` from charts/tidegate; do not edit.
apiVersion: v1
kind: Namespace
metadata:
  name: tidegate-system
"""


def text() -> str:
    """The whole file."""
    helm = kubernetes(lambda said: print(said, file=sys.stderr)) / "helm"
    return HEADER + render_chart(str(helm))


if __name__ == "__main__":
    TARGET.write_text(text())
    print(TARGET.relative_to(ROOT))
