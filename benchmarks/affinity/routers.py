"""What is compared: a router that listens on 127.0.0.1, in front of engines of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks import rivals
from benchmarks.router.documents import static
from benchmarks.router.forms import envoy, listening
from benchmarks.router.processes import DEADLINE, free_port, process
from benchmarks.router.workloads import PUBLIC
from tidegate.brain.native import built
from tidegate.names import MODULES_VARIABLE

SESSION: Final = "x-tidegate-session"
OURS: Final = "PrefixAffinity"
BASE: Final = "LeastRequest"


@dataclass(frozen=True)
class Router:
    """One of those that are compared."""

    name: str
    title: str
    command: Callable[[int, list[int], Path], list[str]]
    """Of its process, from its port, the engines' ports and an empty folder. Raises rivals.Missing where it cannot be had."""


def ours(**said: Any) -> Callable[[int, list[int], Path], list[str]]:
    """An Envoy with what a policy with this balancing becomes."""

    def command(port: int, engines: list[int], folder: Path) -> list[str]:
        if not built():
            raise rivals.Missing("Envoy's native filters were not built: make native, where cargo is")
        bootstrap = folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(listening(static(folder, engines, **said), port)))
        return [envoy(), "-c", str(bootstrap), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]

    return command


def cache_aware(port: int, engines: list[int], _folder: Path) -> list[str]:
    """Of somebody else, as it comes."""
    return rivals.vllm_router(port, free_port(), engines, "cache_aware")


_BY_SESSION: Final = {"headers": [SESSION], "address": True}
ROUTERS: Final[Mapping[str, Router]] = {
    one.name: one
    for one in (
        Router(BASE, "the less busy of two random engines", ours()),
        Router("RoundRobin", "one engine after the other", ours(loadBalancing="RoundRobin")),
        Router("Session", "by a header of the client's", ours(affinity=_BY_SESSION)),
        Router(OURS, "by how the prompt begins", ours(affinity={**_BY_SESSION, "prefix": True})),
        Router("cache_aware", f"of {rivals.VLLM_ROUTER.title}, as it comes", cache_aware),
    )
}


@contextmanager
def running(router: Router, engines: list[int], folder: Path, to: frozenset[int]) -> Iterator[int]:
    """Its port, when it passes requests on."""
    port, log = free_port(), folder / "log"
    command = router.command(port, engines, folder)
    environment = os.environ | {MODULES_VARIABLE: str(folder)}
    with log.open("wb") as said, process(command, to, env=environment, stdout=said, stderr=said) as started:
        _answering(router, port, started, log)
        yield port


def _answering(router: Router, port: int, started: subprocess.Popen[bytes], log: Path) -> None:
    question = {"model": PUBLIC, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
    deadline = time.monotonic() + DEADLINE
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE) as client:
        while started.poll() is None and time.monotonic() < deadline:
            try:
                return client.post("/v1/chat/completions", json=question).raise_for_status().close()
            except httpx.HTTPError:
                time.sleep(0.1)
    raise RuntimeError(f"{router.name} does not answer:\n{log.read_text()[-2000:]}")
