"""`kubectl tidegate scale explain` in tests: what the operator that leads saw last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from e2e.harness import Object, Place


def explain(place: Place, *words: str, name: str = "small") -> subprocess.CompletedProcess[str]:
    """The command, as kubectl finds it on PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(place.cluster.kubeconfig), "COLUMNS": "160"}
    argv = [place.cluster.settings.kubectl, "tidegate", "scale", "explain", name, "-n", place.name, *words]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def looks(place: Place) -> list[Object]:
    """The last ones, the oldest first; none while nobody looks."""
    done = explain(place, "-o", "json")
    found: list[Object] = json.loads(done.stdout)["looks"] if done.returncode == 0 else []
    return found


def limit(place: Place) -> str:
    """What made the newest number."""
    found = looks(place)
    return str(found[-1]["limit"]) if found else ""
