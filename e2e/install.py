"""Installing the operator as users do: the chart, by Helm."""

from __future__ import annotations

import subprocess
from pathlib import Path

from e2e.devcluster import Cluster

CHART = Path(__file__).resolve().parents[1] / "charts/tidegate"
NAMESPACE = "tidegate-system"


def helm(cluster: Cluster, *arguments: str) -> str:
    """Helm against the cluster; its output. Raises with what it said."""
    argv = [cluster.helm, "--kubeconfig", str(cluster.kubeconfig), "--namespace", NAMESPACE, *arguments]
    result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=180)
    if result.returncode != 0:
        raise RuntimeError(f"helm {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def render_chart(binary: str, *values: str) -> str:
    """What the chart renders with its defaults; `values` are `--set` arguments."""
    argv = [binary, "template", "tidegate", str(CHART), "--namespace", NAMESPACE]
    argv += [part for value in values for part in ("--set", value)]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def install_chart(cluster: Cluster, *values: str) -> None:
    """Installs or upgrades the chart and waits until the operator is ready; `values` are `--set` arguments."""
    sets = [part for value in values for part in ("--set", value)]
    helm(
        cluster,
        "upgrade",
        "--install",
        "tidegate",
        str(CHART),
        "--create-namespace",
        "--reset-values",  # without it, and without values, Helm takes those of the time before
        "--wait",
        "--timeout",
        "120s",
        *sets,
    )
