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

from benchmarks.rivals import Missing
from benchmarks.router import processes, sides
from benchmarks.router.clock import Cores, cores
from benchmarks.router.drive import Order
from benchmarks.router.flight import WrongAnswer
from benchmarks.router.forms import FORMS, Form, Ground, envoy
from benchmarks.router.processes import Load, free_port
from benchmarks.router.results import Machine, Results, Round, round_of
from benchmarks.router.sides import Running
from benchmarks.router.workloads import KNOWN

AROUND = 1.4
"""Seconds beside the driving: a share of the starts, the connections and their warm-up, and what is slow to end."""


@dataclass(frozen=True)
class Place:
    """What runs from begin to end."""

    cores: Cores
    engine: int
    """Its port."""
    load: Load
    machine: Machine
    begin: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"[{time.monotonic() - self.begin:6.1f} s] {text}", file=sys.stderr, flush=True)


@contextmanager
def place() -> Iterator[Place]:
    """One engine and one load, which end with the block."""
    here, before = cores(os.sched_getaffinity(0)), machine()
    with processes.engine(here) as port, processes.load(here) as load:
        yield Place(here, port, load, before)


@contextmanager
def started(place: Place, forms: Iterable[Form]) -> Iterator[list[Running]]:
    """All of them, all new: by where its memory happens to lie, one Envoy is some per cent faster than the next one."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        yield [
            stack.enter_context(sides.running(form, _ground(form, Path(folder), place), place.cores)) for form in forms
        ]


def _ground(form: Form, folder: Path, place: Place) -> Ground:
    own = folder / form.name
    own.mkdir()
    return Ground(own, place.engine, free_port(), free_port())


def possible(place: Place, names: Iterable[str]) -> tuple[list[Form], dict[str, str]]:
    """The forms that can be had here, and why the others cannot."""
    forms, left_out = [], {}
    for form in (FORMS[name] for name in names):
        with TemporaryDirectory() as folder:
            try:
                form.parts(_ground(form, Path(folder), place))
                forms.append(form)
            except Missing as error:
                left_out[form.name] = str(error)
    return forms, left_out


def run(
    place: Place, rounds: int, minutes: float, forms: Iterable[str] = FORMS, workloads: Sequence[str] = tuple(KNOWN)
) -> Results:
    """All rounds, of the workloads that a form knows. Raises WrongAnswer, with which form it was."""
    found, left_out = possible(place, forms)
    pairs = [(workload, form.name) for workload in workloads for form in found if workload in form.workloads]
    titles = {name: KNOWN[name].title for name in workloads}
    results = Results(place.machine, {form.name: form.title for form in found}, left_out, titles)
    seconds = seconds_each(minutes, rounds, len(pairs))
    with started(place, (form for form in found if form.slow)) as slow:
        for n in range(rounds):
            place.say(f"round {n + 1} of {rounds}, {seconds:.1f} s for each form and workload")
            with started(place, (form for form in found if not form.slow)) as fast:
                _round(place, workloads, [*fast, *slow], seconds, results)
    return results


def _round(place: Place, workloads: Sequence[str], all_: list[Running], seconds: float, results: Results) -> None:
    for workload, one in turns(workloads, all_):
        done = drive(place, workload, one, seconds)
        results.add(workload, one.form.name, done)
        place.say(f"{workload:6} {one.form.name:13} {done.cpu:8.1f} us, {done.rate:6.0f}/s, others {done.others:.0%}")


def drive(place: Place, workload: str, running: Running, seconds: float) -> Round:
    """One round. Raises WrongAnswer, with which form it was."""
    wanted = running.answers[workload]
    order = Order(workload, running.port, wanted, seconds, running.router, running.beside, place.cores.router)
    try:
        return round_of(place.load.drive(order), running.router)
    except WrongAnswer as error:
        raise WrongAnswer(f"{running.form.name}, {KNOWN[workload].title}: {error}") from error


def turns(workloads: Sequence[str], running: Sequence[Running]) -> Iterator[tuple[str, Running]]:
    """Forms take turns one right after the other, so that they meet the same noise."""
    return ((workload, one) for workload in workloads for one in running if workload in one.form.workloads)


def machine() -> Machine:
    """This one, at this moment."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part")))
    version = subprocess.run([envoy(), "--version"], capture_output=True, text=True, check=True).stdout
    return Machine(len(os.sched_getaffinity(0)), next(names, "unknown"), version.split("/")[-4], os.getloadavg()[0])


def seconds_each(minutes: float, rounds: int, pairs: int) -> float:
    """How long each round of each pair of workload and form may drive, so that all fit; at least a tenth of a second."""
    return max(0.1, minutes * 60 / (rounds * pairs) - AROUND)
