"""Somebody else's router, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = "vllm-router"
VERSION: Final = "0.1.17"
PATIENCE: Final = 300.0
"""Seconds that its installation may take."""


class Missing(Exception):
    """It could not be installed."""


def home() -> Path:
    """Where its environment is, or will be."""
    cache = os.environ.get("TIDEGATE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "tidegate")
    return Path(cache).expanduser() / f"{PACKAGE}-{VERSION}"


def program() -> Path:
    """The router's, installed the first time. Raises Missing."""
    folder = home()
    found = folder / "bin" / PACKAGE
    if not found.exists():
        _do([sys.executable, "-m", "venv", str(folder)])
        _do([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", f"{PACKAGE}=={VERSION}"])
    return found


def _do(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from error
    if done.returncode:
        raise Missing((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])


def command(port: int, metrics_port: int, engines: list[int]) -> list[str]:
    """Of the router on a port of 127.0.0.1; everything that is not said is as it comes. Raises Missing."""
    workers = [f"http://127.0.0.1:{engine}" for engine in engines]
    here = ["--host", "127.0.0.1", "--port", str(port)]
    metrics = ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics_port)]
    quiet = ["--log-level", "error"]
    return [str(program()), *here, *metrics, *quiet, "--policy", "cache_aware", "--worker-urls", *workers]
