"""Engines of e2e/engine_sim, and what their own counters say."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.router.documents import ROOT
from benchmarks.router.processes import process
from benchmarks.router.workloads import PUBLIC, SERVED

ENGINES: Final = 4
"""Behind each router."""
BLOCKS: Final = 1000
"""Of 16 tokens, in the cache of one engine."""
PREFILL: Final = 2500
"""Tokens of prompts that an engine computes in a second."""
DECODE_MS: Final = 60
SLOTS: Final = 16
"""Requests that an engine computes at once; others wait in it."""
DEADLINE: Final = 60.0
"""Seconds until all listen."""
_FLAGS: Final = (
    "--served-model-name",
    SERVED,
    PUBLIC,
    "--max-num-seqs",
    str(SLOTS),
    "--host",
    "127.0.0.1",
    "--port",
    "0",
)
_SETTINGS: Final = {"LOAD_SECONDS": 0, "PREFILL_TOKENS_PER_S": PREFILL, "DECODE_MS": DECODE_MS, "KV_BLOCKS": BLOCKS}


@dataclass(frozen=True)
class Counted:
    """By one engine so far: tokens of prompts, those of them found in its prefix cache, and requests that it answered."""

    asked: float = 0.0
    found: float = 0.0
    requests: float = 0.0

    def since(self, before: Counted) -> Counted:
        """The difference."""
        return Counted(self.asked - before.asked, self.found - before.found, self.requests - before.requests)


@contextmanager
def engines(count: int, folder: Path, to: frozenset[int]) -> Iterator[list[int]]:
    """Their ports, when all listen. They end with the block."""
    settings = {f"ENGINE_SIM_{name}": str(value) for name, value in _SETTINGS.items()}
    program = [sys.executable, "-m", "benchmarks.affinity.fleet", str(count), str(folder), "serve", SERVED, *_FLAGS]
    with (
        (folder / "engines.log").open("wb") as log,
        process(program, to, cwd=ROOT, env=os.environ | settings, stderr=log),
    ):
        yield _ports([folder / f"engine-{n}" for n in range(count)])


def _ports(files: Sequence[Path]) -> list[int]:
    deadline = time.monotonic() + DEADLINE
    while not all(file.exists() and file.read_text().endswith("\n") for file in files):
        if time.monotonic() > deadline:
            raise TimeoutError("an engine does not listen")
        time.sleep(0.05)
    return [int(file.read_text()) for file in files]


def counted(port: int) -> Counted:
    """What the engine there says at this moment."""
    return read(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=DEADLINE).raise_for_status().text)


def read(exposed: str) -> Counted:
    """Of vLLM's metrics, as Prometheus reads them."""
    names = ("prefix_cache_queries_total", "prefix_cache_hits_total", "request_success_total")
    return Counted(*(_sum(exposed, f"vllm:{name}{{") for name in names))


def _sum(exposed: str, begin: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in exposed.splitlines() if line.startswith(begin))


def hit_rate(counts: Sequence[Counted]) -> float:
    """The share of all tokens of prompts that were in a cache; 0 where none was asked."""
    return sum(one.found for one in counts) / (sum(one.asked for one in counts) or 1)


def busiest(counts: Sequence[Counted]) -> float:
    """The share of all requests that one engine had, the one with the most."""
    return max(one.requests for one in counts) / (sum(one.requests for one in counts) or 1)


def differences(before: Mapping[int, Counted], ports: Sequence[int]) -> list[Counted]:
    """Of each engine since then."""
    return [counted(port).since(before[port]) for port in ports]
