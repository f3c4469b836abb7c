"""The router as a tree of the repository makes it: today's, or an earlier commit's."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

from benchmarks.router.workloads import PUBLIC, SERVED

ROOT: Final = Path(__file__).resolve().parents[2]
TODAY: Final = ROOT / "operator"
RENDER: Final = Path(__file__).with_name("render.py")
SERVICE: Final = "engines"
_TARGET: Final = {"service": SERVICE, "port": 8000, "model": SERVED}


class NoSuchCommit(Exception):
    """Not in this clone."""


def exported(commit: str, folder: Path) -> Path:
    """`operator/` as of a commit, below the folder. Raises NoSuchCommit."""
    packed = subprocess.run(["git", "-C", ROOT, "archive", commit, "operator"], capture_output=True, check=False)
    if packed.returncode:
        raise NoSuchCommit(f"commit {commit} is not in this clone")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "operator"


def rendered(tree: Path, engine_port: int, folder: Path, *, filters: str = "native", **more: Any) -> dict[str, Any]:
    """The bootstrap of a policy with one route to one engine, by the `tidegate` in `tree`; its sockets are in the folder, its
    filters `native` or `lua`, and `more` stands in the document, too."""
    done = subprocess.run(
        [sys.executable, "-P", RENDER, SERVICE, str(engine_port), folder, filters],
        input=json.dumps([document(**more), _document(**_TARGET)]),
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def document(**more: Any) -> dict[str, Any]:
    """Today's RouterConfig."""
    return _document(engine=_TARGET) | more


def _document(**target: Any) -> dict[str, Any]:
    """A RouterConfig; what its destination says of the engine was spelled in two ways."""
    return {
        "namespace": "bench",
        "policy": "front",
        "loadBalancing": "LeastRequest",
        "destinations": [{"name": "llama.r1", "backend": "llama", "revision": "r1", **target}],
        "routes": [{"name": "chat", "models": [PUBLIC], "targets": [{"destination": "llama.r1", "weight": 1}]}],
        "retry": {"attempts": 2, "codes": [429, 503], "reasons": ["ConnectFailure", "Reset"], "backoffSeconds": 0.025},
        "timeouts": {"requestSeconds": 600, "idleSeconds": 300},
    }
