"""manifests/monitoring/dashboards: what people look at in Grafana, one dashboard a module, all made of the same parts."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.dashboards.autoscaling import autoscaling
from scripts.dashboards.caches import caches
from scripts.dashboards.models import models
from scripts.dashboards.rollout import rollout
from scripts.dashboards.routers import routers

FOLDER = Path(__file__).resolve().parents[2] / "manifests/monitoring/dashboards"


def files() -> dict[Path, str]:
    """Texts by path."""
    made = {
        "models": models(),
        "routers": routers(),
        "rollout": rollout(),
        "autoscaling": autoscaling(),
        "caches": caches(),
    }
    return {FOLDER / f"{name}.json": json.dumps(content, indent=2) + "\n" for name, content in made.items()}
