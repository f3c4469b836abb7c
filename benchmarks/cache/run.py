"""The order in which everything is measured; all routers run at the same time and take turns."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import rivals
from benchmarks.cache import forms
from benchmarks.cache.client import Client
from benchmarks.cache.forms import VECTORS, Running
from benchmarks.cache.questions import WAYS, asked, words
from benchmarks.cache.results import Rate, Results, latency
from benchmarks.router.clock import Cores, cores, used_by_all
from benchmarks.router.documents import ROOT
from benchmarks.router.flight import WrongAnswer
from benchmarks.router.processes import free_port, process
from benchmarks.router.run import machine

FIRST: Final = "How do I repair a lamp in the kitchen?"
RIVALS: Final = ("litellm", "gptcache")
TOKENS: Final = 144
"""Of each answer of the engine, with its prompt."""


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def run(singles: int, seconds: float, requests: int) -> Results:
    """All of it: so many single requests of each kind, hits for so many seconds, and so many requests by Zipf's law."""
    found = machine()
    results = Results(f"{found.processor}, {found.cores} cores", found.load_average)
    here = cores(os.sched_getaffinity(0))
    with TemporaryDirectory() as folder, ExitStack() as stack:
        routers = _routers(Path(folder), here, stack, results)
        try:
            asyncio.run(_measure(routers, results, singles, seconds, requests))
        except Exception:
            for log in sorted(Path(folder).glob("*/*.log")):
                say(f"{log}:\n{log.read_text(errors='replace')[-2000:]}")
            raise
    return results


def _routers(folder: Path, here: Cores, stack: ExitStack, results: Results) -> dict[str, Running]:
    engine = stack.enter_context(_engine(here))
    store = stack.enter_context(forms.valkey(folder / "store", here))
    made = {
        name: stack.enter_context(forms.ours(name, document, engine, folder / name, here, _vectors(name)))
        for name, document in forms.layers(store).items()
    }
    others = {
        "litellm": forms.litellm(engine, store, folder / "litellm", here),
        "gptcache": forms.gptcache(engine, folder / "gptcache", here),
    }
    for name, other in others.items():
        try:
            made[name] = stack.enter_context(other)
        except rivals.Missing as error:
            results.left_out[name] = str(error)
    return made


def _vectors(name: str) -> int:
    return VECTORS if name == "semantic" else 0


@contextmanager
def _engine(here: Cores) -> Iterator[int]:
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.cache.engine", str(port)]
    with process(argv, here.others, cwd=ROOT):
        yield port


async def _measure(routers: dict[str, Running], results: Results, singles: int, seconds: float, requests: int) -> None:
    clients = {name: Client(router) for name, router in routers.items()}
    for name, client in clients.items():
        say(f"{name}: begins")
        await _begun(client)
        if name not in ("route", *RIVALS):
            await _ready(client, routers[name].folder)
    await _latencies(clients, results, singles)
    for name in ("memory", "exact", *RIVALS):
        if name in routers:
            results.rates.append(await _rate(routers[name], seconds))
            say(f"{name}: {results.rates[-1].hits:,.0f} hits/s, {results.rates[-1].cpu:,.0f} us")
    await _zipf(clients["all"], results, requests)
    for client in clients.values():
        client.close()


async def _begun(client: Client) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            await client.ask(FIRST)
        except (OSError, WrongAnswer, asyncio.IncompleteReadError):
            client.close()
            client._streams = None
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return


async def _ready(client: Client, folder: Path) -> None:
    """Its layers come one after the other; what is asked before they are there is not learned by them."""
    async with asyncio.timeout(120):
        for number in count(1_000_000):
            if (folder / "ready").exists():
                return
            await client.ask(f"How do I say {words(number)}?")
            await asyncio.sleep(0.1)


async def _latencies(clients: dict[str, Client], results: Results, singles: int) -> None:
    times: dict[str, list[float]] = {}
    for name in ("memory", "exact"):
        await clients[name].until(FIRST, "hit-memory" if name == "memory" else "hit-exact")
    for number in range(singles):
        new = f"How do I say {words(number)}?"
        other = f"How can I say {words(number)}?"
        for what, client, question, source in (
            ("route: no cache", "route", FIRST, ""),
            ("hit in memory (L1)", "memory", FIRST, "hit-memory"),
            ("hit in the store (L2)", "exact", FIRST, "hit-exact"),
            ("miss of memory", "memory", new, "miss"),
            ("miss of memory and store", "exact", new, "miss"),
            ("miss of memory and 10,000 vectors", "semantic", new, "miss"),
        ):
            answer = await clients[client].ask(question)
            if answer.source == source:
                times.setdefault(what, []).append(answer.seconds)
            else:
                results.elsewhere += 1
        await clients["semantic"].until(new, "hit-memory")
        await asyncio.sleep(0.02)
        answer = await clients["semantic"].ask(other)
        if answer.source == "hit-semantic":
            times.setdefault("hit among 10,000 vectors (L3)", []).append(answer.seconds)
    results.latencies += [latency(what, seconds) for what, seconds in times.items()]


async def _rate(router: Running, seconds: float, connections: int = 16) -> Rate:
    clients = [Client(router) for _ in range(connections)]
    await asyncio.gather(*(client.ask(FIRST) for client in clients))
    before, begun, end = _cpu(router), time.perf_counter(), time.perf_counter() + seconds

    async def again(client: Client) -> int:
        answered = 0
        while time.perf_counter() < end:
            await client.ask(FIRST)
            answered += 1
        return answered

    total = sum(await asyncio.gather(*map(again, clients)))
    lasted = time.perf_counter() - begun
    for client in clients:
        client.close()
    return Rate(router.name, total / lasted, (_cpu(router) - before) / 1000 / total)


def _cpu(router: Running) -> int:
    return sum(used_by_all(pid) for pid in router.processes.values())


async def _zipf(client: Client, results: Results, requests: int) -> None:
    zipf = results.zipf
    for question in asked(requests, 1):
        answer = await client.ask(question)
        zipf.sources.append(answer.source)
        zipf.wrong += _meaning(answer.text.partition("You asked: ")[2]) != _meaning(question)
        zipf.all_tokens += TOKENS
        zipf.saved += TOKENS * answer.source.startswith("hit")
    say(f"zipf: {zipf.shares()}, {zipf.wrong} wrong")


def _meaning(text: str) -> str:
    """What was asked, whatever the way."""
    question = text.partition("?")[0]
    return next((question.removeprefix(b) for way in WAYS if question.startswith(b := way.partition("{")[0])), question)
