"""A form that runs, and gives right answers before anything is measured."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.router.clock import Cores
from benchmarks.router.documents import ROOT
from benchmarks.router.flight import Expected, WrongAnswer, expected
from benchmarks.router.forms import Form, Ground, Part
from benchmarks.router.processes import DEADLINE, process
from benchmarks.router.workloads import HEADERS, KNOWN, PATH, Workload, events, json_answer

PATIENCE: Final = 180.0
"""Seconds until a router answers: some are slow to begin."""


@dataclass
class Running:
    """A form that runs."""

    form: Form
    port: int
    router: dict[str, int] = field(default_factory=dict)
    """Its processes, by name."""
    beside: dict[str, int] = field(default_factory=dict)
    answers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes and line ends, by workload."""


@contextmanager
def running(form: Form, ground: Ground, cores: Cores) -> Iterator[Running]:
    """Its processes, when they have given each workload its right answer."""
    parts = form.parts(ground)
    found = Running(form, ground.port if parts else ground.engine)
    with ExitStack() as stack:
        started = [stack.enter_context(_started(part, found, ground.folder, cores)) for part in parts]
        found.answers = _answers(found, started, ground.folder)
        yield found


@contextmanager
def _started(part: Part, found: Running, folder: Path, cores: Cores) -> Iterator[subprocess.Popen[bytes]]:
    with start(part, cores, folder) as started:
        (found.beside if part.beside else found.router)[part.name] = started.pid
        yield started


@contextmanager
def start(part: Part, cores: Cores, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """On its cores, once the file that it waits for is there."""
    to = cores.others if part.beside else frozenset({cores.router})
    _wait_for(part.after)
    with (
        # what a form writes to its standard output is read there, as by a container's runtime
        process(["cat"], cores.others, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader,
        (folder / f"{part.name}.log").open("wb") as log,
        process(part.argv, to, cwd=ROOT, env={**os.environ, **part.env}, stdout=reader.stdin, stderr=log) as started,
    ):
        yield started


def _wait_for(file: Path | None) -> None:
    deadline = time.monotonic() + DEADLINE
    while file and not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{file} does not appear")
        time.sleep(0.02)


def _answers(found: Running, started: Sequence[subprocess.Popen[bytes]], folder: Path) -> dict[str, tuple[int, int]]:
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(base_url=f"http://127.0.0.1:{found.port}", timeout=DEADLINE) as client:
        while True:
            try:
                return {name: check(found.form, KNOWN[name], client) for name in found.form.workloads}
            except (httpx.TransportError, WrongAnswer) as error:
                if time.monotonic() > deadline or any(one.poll() is not None for one in started):
                    said = "\n".join(log.read_text(errors="replace")[-2000:] for log in folder.glob("*.log"))
                    raise RuntimeError(f"{found.form.name} does not answer: {error}\n{said}") from error
            time.sleep(0.1)


def check(form: Form, workload: Workload, client: httpx.Client) -> tuple[int, int]:
    """Bytes and line ends of an answer. Raises WrongAnswer, also when the engine's request is not the client's, but for the model."""
    answer = _said(client, workload, workload.body)
    found = expected(answer)
    if not form.own_words:
        if found != said(workload):
            raise WrongAnswer(f"{workload.title}: {found} instead of {said(workload)}: {answer[:200]!r}")
        _compare(json.loads(_said(client, workload, workload.asking("echo"))), form, workload)
    return found.length, found.lines


def said(workload: Workload) -> Expected:
    """By the engine."""
    return expected(b"".join(events()) if workload.streamed else json_answer())


def _said(client: httpx.Client, workload: Workload, body: bytes) -> bytes:
    headers = {name: HEADERS[name] for name in ("content-type", "authorization")}
    answer = client.post(PATH, content=body, headers=headers)
    if answer.status_code != 200:
        raise WrongAnswer(f"{workload.title}: {answer.status_code} {answer.text[:200]}")
    return answer.content


def _compare(got: dict[str, Any], form: Form, workload: Workload) -> None:
    """Routers may add fields: a question for the usage of a stream, or every default."""
    sent = {**json.loads(workload.asking("echo")), "model": form.model}
    if other := [key for key, value in sent.items() if got.get(key) != value]:
        said = {key: got.get(key) for key in other}
        raise WrongAnswer(f"{workload.title}: the engine got another request: {json.dumps(said)[:200]}")
