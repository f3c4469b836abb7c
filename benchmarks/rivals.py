"""Routers of others: each from its package, in an environment of its own, kept in a cache folder; and their command lines.

Each has one engine or more, listens on 127.0.0.1, and does as little as it can: no limits, no keys, no log.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.router.workloads import PUBLIC, SERVED

PATIENCE: Final = 300.0
"""Seconds that an installation may take."""


class Missing(Exception):
    """It could not be installed, or is not to be had here."""


@dataclass(frozen=True)
class Package:
    """Of PyPI."""

    name: str
    version: str
    extra: str = ""
    command: str = ""
    """That of its name, where empty."""
    beside: tuple[str, ...] = ()
    """What it needs besides and does not say, or would install itself when it runs."""

    @property
    def home(self) -> Path:
        """Where its environment is, or will be."""
        cache = os.environ.get("TIDEGATE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "tidegate")
        return Path(cache).expanduser() / f"{self.name}-{self.version}"

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.name}{self.extra} {self.version}"

    def program(self) -> str:
        """Its command, installed the first time. Raises Missing."""
        found = self.home / "bin" / (self.command or self.name)
        if not found.exists():
            uv = [sys.executable, "-m", "uv", "--quiet"]
            _do([*uv, "venv", "--clear", "--python", sys.executable, str(self.home)])
            wanted = [f"{self.name}{self.extra}=={self.version}", *self.beside]
            _do([*uv, "pip", "install", "--python", str(self.home), *wanted])
        return str(found)


def _do(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from error
    if done.returncode:
        raise Missing((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])


VLLM_ROUTER: Final = Package("vllm-router", "0.1.17")
SGLANG_ROUTER: Final = Package("sglang-router", "0.3.2")
LITELLM: Final = Package("litellm", "1.106.2", "[proxy]")
GPTCACHE: Final = Package(
    "gptcache",
    "0.1.44",
    command="gptcache_server",
    beside=("openai==0.28.1", "fastapi==0.165.0", "uvicorn[standard]==0.54.0"),
)


def vllm_router(port: int, metrics_port: int, engines: Sequence[int], policy: str) -> list[str]:
    """Raises Missing."""
    return [VLLM_ROUTER.program(), *_of_rust(port, metrics_port, engines, policy), "--log-level", "error"]


def sglang_router(port: int, metrics_port: int, engines: Sequence[int], policy: str) -> list[str]:
    """Raises Missing."""
    return [SGLANG_ROUTER.program(), "launch", *_of_rust(port, metrics_port, engines, policy), "--log-level", "error"]


def _of_rust(port: int, metrics_port: int, engines: Sequence[int], policy: str) -> list[str]:
    """The second descends from the first's forerunner: they are called alike."""
    here = ["--host", "127.0.0.1", "--port", str(port)]
    metrics = ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics_port)]
    return [*here, *metrics, "--policy", policy, "--worker-urls", *_urls(engines)]


LITELLM_SETTINGS: Final[Mapping[str, str]] = {
    "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_API_KEY": "none",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true", "HF_HUB_OFFLINE": "1",
}  # fmt: skip
"""Of its environment: as its pages advise for production, and without asking the internet for prices."""


def litellm(port: int, engines: Sequence[int], folder: Path) -> list[str]:
    """One worker. Raises Missing."""
    models = [
        {"model_name": PUBLIC, "litellm_params": {"model": f"openai/{SERVED}", "api_base": f"{url}/v1"}}
        for url in _urls(engines)
    ]
    file = folder / "config.yaml"
    file.write_text(json.dumps({"model_list": models, "litellm_settings": {"telemetry": False}}))
    return [LITELLM.program(), "--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]


def gptcache(port: int, engine: int, folder: Path) -> list[str]:
    """Its server, with a cache of what is the same word for word. Raises Missing."""
    python = Path(GPTCACHE.program()).with_name("python")
    made = Path(__file__).parent / "cache/of_gptcache.py"
    return [str(python), str(made), str(port), str(engine), str(folder)]


def _urls(engines: Sequence[int]) -> list[str]:
    return [f"http://127.0.0.1:{engine}" for engine in engines]
