"""A later version of Tidegate: other templates for engines and routers, one more field of the API, and more in the routers' document."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from e2e.devcluster.images import Image, tidegate

ROOT = Path(__file__).resolve().parents[2]
VERSION = "0.2.0"
EDITS = (
    ("plan/model/engine.py", '{"name": "VLLM_NO_USAGE_STATS"', '{"name": "NEXT_VERSION", "value": "1"},\n    {"name": "VLLM_NO_USAGE_STATS"'),
    ("plan/containers.py", '"--log-level", "warning"', '"--log-level", "error"'),
    ("api/modeldeployment.py", "    drain: Drain = Drain()\n", '    drain: Drain = Drain()\n    next_field: bool = False\n    """A field that came later."""\n'),
    ("contract/router_config.py", "    timeouts: Timeouts\n", '    timeouts: Timeouts\n    next_rule: str = "a rule that came later"\n'),
    ("contract/destinations.py", "    engine: Engine | None = None\n", "    engine: Engine | None = None\n    oracle: str | None = None\n"),
    ("plan/router/document.py", "from tidegate.contract.patience", "from tidegate.contract.destinations import Destination\nfrom tidegate.contract.patience"),
    ("plan/router/document.py", "destinations=traffic.destinations,", 'destinations=(*traffic.destinations, Destination(name="o", backend="o", oracle="a kind that came later")),'),
)  # fmt: skip
"""File of the operator, what stands in it, and what stands there in the later version. The document that it writes has one more
field and one more kind of destination; the routers that run are of the earlier version."""


def write(folder: Path) -> Image:
    """The later version's operator and chart below `folder`; returns its image."""
    shutil.copytree(ROOT / "operator", folder / "operator", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "charts", folder / "charts")
    for name, before, after in EDITS:
        file = folder / "operator/tidegate" / name
        text = file.read_text()
        assert text.count(before) == 1, name
        file.write_text(text.replace(before, after))
    argv = [sys.executable, "-m", "tidegate.api.crd", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(folder / "operator")}
    subprocess.run(argv, env=environment, cwd=folder, check=True, capture_output=True)
    return _moved(tidegate(), folder / "operator")


def _moved(image: Image, operator: Path) -> Image:
    """The same program from another folder."""
    old = str(ROOT / "operator")
    return replace(
        image,
        references=(f"{image.references[0]}:{VERSION}",),
        env=tuple(line.replace(old, str(operator)) for line in image.env),
        binds=tuple(str(operator) if folder == old else folder for folder in image.binds),
    )
