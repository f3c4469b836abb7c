"""The order in which everything is measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.router import envoys, processes
from benchmarks.router.clock import Cores, cores
from benchmarks.router.drive import Order
from benchmarks.router.envoys import Running
from benchmarks.router.flight import WrongAnswer
from benchmarks.router.forms import FORMS, Form, Ground
from benchmarks.router.processes import Load
from benchmarks.router.results import Machine, Results, Round, round_of
from benchmarks.router.trees import NoSuchCommit
from benchmarks.router.workloads import WORKLOADS

AROUND = 0.7
"""Seconds beside the driving: a share of the starts, the connections and their warm-up, and a paced stream that ends late."""


@dataclass(frozen=True)
class Place:
    """What runs from begin to end."""

    cores: Cores
    engine: int
    """Its port."""
    load: Load
    against: str
    machine: Machine
    begin: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"[{time.monotonic() - self.begin:6.1f} s] {text}", file=sys.stderr, flush=True)


@contextmanager
def place(against: str) -> Iterator[Place]:
    """One engine and one load, which end with the block."""
    here, before = cores(os.sched_getaffinity(0)), machine()
    with processes.engine(here) as port, processes.load(here) as load:
        yield Place(here, port, load, against, before)


@contextmanager
def started(place: Place, forms: Iterable[Form]) -> Iterator[list[Running]]:
    """An Envoy for each form, all new: by where its memory happens to lie, one is some per cent faster than the next one."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        running = []
        for form in forms:
            ground = Ground(Path(folder) / form.name, place.engine, place.against)
            ground.folder.mkdir()
            made = envoys.running(form, form.bootstrap(ground), ground, place.cores)
            running.append(stack.enter_context(made))
        yield running


def possible(place: Place) -> tuple[list[Form], dict[str, str]]:
    """The forms that can be made here, and why the others cannot."""
    forms, left_out = [], {}
    for form in FORMS.values():
        with TemporaryDirectory() as folder:
            try:
                form.bootstrap(Ground(Path(folder), place.engine, place.against))
                forms.append(form)
            except NoSuchCommit as error:
                left_out[form.name] = str(error)
    return forms, left_out


def run(place: Place, rounds: int, minutes: float, workloads: Sequence[str] = tuple(WORKLOADS)) -> Results:
    """All rounds. Raises WrongAnswer, with which form it was."""
    forms, left_out = possible(place)
    titles = {form.name: form.title.format(against=place.against) for form in forms}
    results = Results(place.machine, titles, left_out, {name: WORKLOADS[name].title for name in workloads})
    seconds = seconds_each(minutes, rounds, len(forms) * len(workloads))
    for n in range(rounds):
        with started(place, forms) as running:
            place.say(f"round {n + 1} of {rounds}, {seconds:.1f} s for each form and workload")
            for workload, one in turns(workloads, running):
                done = _drive(place, workload, one, seconds)
                results.add(workload, one.form.name, done)
                place.say(
                    f"{workload:6} {one.form.name:8} {done.cpu:7.1f} us, {done.rate:6.0f}/s, others {done.others:.0%}"
                )
    return results


def _drive(place: Place, workload: str, running: Running, seconds: float) -> Round:
    order = Order(workload, running.port, seconds, running.pids, place.cores.envoy)
    try:
        return round_of(place.load.drive(order))
    except WrongAnswer as error:
        raise WrongAnswer(f"{running.form.name}, {WORKLOADS[workload].title}: {error}") from error


def turns(workloads: Sequence[str], running: Sequence[Running]) -> Iterator[tuple[str, Running]]:
    """Forms take turns one right after the other, so that they meet the same noise."""
    return ((workload, one) for workload in workloads for one in running)


def machine() -> Machine:
    """This one, at this moment."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part")))
    version = subprocess.run([envoys.envoy(), "--version"], capture_output=True, text=True, check=True).stdout
    return Machine(len(os.sched_getaffinity(0)), next(names, "unknown"), version.split("/")[-4], os.getloadavg()[0])


def seconds_each(minutes: float, rounds: int, pairs: int) -> float:
    """How long each round of each pair of workload and form may drive, so that all fit; at least a tenth of a second."""
    return max(0.1, minutes * 60 / (rounds * pairs) - AROUND)
