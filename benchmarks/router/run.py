"""The order in which everything is measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.router import envoys, processes
from benchmarks.router.clock import Cores, cores
from benchmarks.router.drive import Order
from benchmarks.router.envoys import Running
from benchmarks.router.flight import WrongAnswer
from benchmarks.router.forms import FORMS, Ground
from benchmarks.router.processes import Load
from benchmarks.router.results import Machine, Results, Round, order, round_of
from benchmarks.router.trees import NoSuchCommit
from benchmarks.router.workloads import WORKLOADS


@dataclass(frozen=True)
class Place:
    """Everything that runs."""

    cores: Cores
    load: Load
    running: Mapping[str, Running]
    """By form."""
    left_out: Mapping[str, str]
    machine: Machine
    begin: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"[{time.monotonic() - self.begin:6.1f} s] {text}", file=sys.stderr, flush=True)


@contextmanager
def place(against: str) -> Iterator[Place]:
    """One engine, one load, and an Envoy for each form that can be made; all end with the block."""
    here, before = cores(os.sched_getaffinity(0)), machine()
    running, left_out = {}, {}
    with (
        TemporaryDirectory() as folder,
        processes.engine(here) as port,
        processes.load(here) as load,
        ExitStack() as all_,
    ):
        for form in FORMS.values():
            ground = Ground(Path(folder) / form.name, port, against)
            ground.folder.mkdir()
            try:
                made = form.bootstrap(ground)
            except NoSuchCommit as error:
                left_out[form.name] = str(error)
                continue
            running[form.name] = all_.enter_context(envoys.running(form, made, ground, here))
        yield Place(here, load, running, left_out, before)


def run(place: Place, rounds: int, seconds: float, workloads: Sequence[str] = tuple(WORKLOADS)) -> Results:
    """All rounds, each of `seconds`. Raises WrongAnswer, with which form it was."""
    titles = {name: one.form.title for name, one in place.running.items()}
    asked = {name: WORKLOADS[name].title for name in workloads}
    results = Results(place.machine, titles, place.left_out, asked)
    for n, workload, form in order(rounds, workloads, list(titles)):
        done = _round(place, workload, place.running[form], seconds)
        results.add(workload, form, done)
        said = f"{done.cpu:7.1f} us, {done.rate:6.0f}/s, others {done.others:.0%}"
        place.say(f"round {n + 1} of {rounds}  {workload:6} {form:8} {said}")
    return results


def _round(place: Place, workload: str, running: Running, seconds: float) -> Round:
    order = Order(workload, running.port, seconds, running.pids, place.cores.envoy)
    try:
        return round_of(place.load.drive(order))
    except WrongAnswer as error:
        raise WrongAnswer(f"{running.form.name}, {WORKLOADS[workload].title}: {error}") from error


def machine() -> Machine:
    """This one, at this moment."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part")))
    version = subprocess.run([envoys.envoy(), "--version"], capture_output=True, text=True, check=True).stdout
    return Machine(len(os.sched_getaffinity(0)), next(names, "unknown"), version.split("/")[-4], os.getloadavg()[0])


def seconds_each(minutes: float, rounds: int, pairs: int) -> float:
    """How long each round of each pair of workload and form may drive, so that all fit; at least a tenth of a second."""
    return max(0.1, minutes * 60 / (rounds * pairs) - AROUND)


AROUND = 0.6
"""Seconds that a round takes beside the driving: connections, warm-up, and a paced stream that ends after its time."""
