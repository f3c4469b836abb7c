"""Processes on their cores: the engine, and the load."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from benchmarks.router.clock import Cores, pinned
from benchmarks.router.documents import ROOT
from benchmarks.router.drive import Driven, Order
from benchmarks.router.flight import WrongAnswer

DEADLINE = 20.0
"""Seconds for a process to answer, and to end."""
BELOW_EPHEMERAL = (12_000, 32_000)
"""Linux gives outgoing connections ports from 32768 on."""


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection is given in the meantime."""
    while True:
        port = random.randrange(*BELOW_EPHEMERAL)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def process(argv: Sequence[str | Path], to: frozenset[int], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Runs on those cores, and ends with the block."""
    with pinned(to):
        started = subprocess.Popen(argv, **options)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        for pipe in (started.stdin, started.stdout):
            if pipe:
                pipe.close()


def module(name: str, *arguments: str) -> list[str]:
    """The command line of one of this package's programs."""
    return [sys.executable, "-m", f"benchmarks.router.{name}", *arguments]


@contextmanager
def engine(cores: Cores) -> Iterator[int]:
    """Its port."""
    port = free_port()
    with process(module("engine", str(port)), cores.others, cwd=ROOT) as started:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline and started.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                yield port
                return
            time.sleep(0.05)
        raise TimeoutError("the engine does not listen")


class Load:
    """The process that sends requests."""

    def __init__(self, pipes: subprocess.Popen[bytes]) -> None:
        assert pipes.stdin
        assert pipes.stdout
        self._orders: IO[bytes] = pipes.stdin
        self._answers: IO[bytes] = pipes.stdout

    def drive(self, order: Order) -> Driven:
        """One round. Raises WrongAnswer when the answers were not all as they should be."""
        self._orders.write(json.dumps(asdict(order)).encode() + b"\n")
        self._orders.flush()
        line = self._answers.readline()
        driven = Driven(**json.loads(line)) if line else Driven(wrong="the load has ended")
        if driven.wrong:
            raise WrongAnswer(driven.wrong)
        return driven


@contextmanager
def load(cores: Cores) -> Iterator[Load]:
    """Ends with the block."""
    pipes = subprocess.PIPE
    with process(module("drive"), cores.others, cwd=ROOT, stdin=pipes, stdout=pipes) as started:
        yield Load(started)
