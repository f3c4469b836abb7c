"""The tables, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.router.forms import STORE
from benchmarks.router.goals import goals
from benchmarks.router.results import BASE, Middle, Results, middle

NAME = "router"
"""Of the files, and of the markers in the page."""
HEAD = ("form", "CPU µs per request", f"times `{BASE}`", "requests/s", "p50", "p99")
GOALS = ("goal", "", "median (quartiles)", "")
PARTS = ("brain", STORE)
"""Processes of which the table tells besides."""


def write(results: Results, folder: Path) -> None:
    """`router.json` and `router.md`."""
    pages.write(folder, NAME, results.json(), text(results))


def insert(document: Path, results: Results) -> None:
    """Puts it between the markers of a document. Raises ValueError when it has none."""
    pages.insert(document, NAME, text(results))


def text(results: Results) -> str:
    """Where it was measured, what the forms are, what was to be reached, and a table for each workload."""
    forms = [f"- `{name}`: {title}" for name, title in results.forms.items()]
    forms += [f"- `{name}` was left out: {why}" for name, why in results.left_out.items()]
    reached = pages.table(GOALS, (goal.line() for goal in goals(results)))
    tables = [f"**{results.workloads[name]}**\n\n{pages.table(HEAD, lines(results, name))}" for name in results.rounds]
    return "\n".join([_where(results), *forms, "", reached, *tables])


def _where(results: Results) -> str:
    machine, others = results.machine, results.others()
    rounds = min(len(results.of(*pair)) for pair in results.pairs())
    found = middle(others)
    return (
        f"Envoy {machine.envoy} on one of {machine.cores} cores ({machine.processor}), {rounds} rounds. Load average before: {machine.load_average:.1f}.\n"
        f"Processes of others used {found.median:.0%} of the router's core meanwhile (quartiles {found.low:.0%} and {found.high:.0%}, at most {max(others):.0%}).\n"
    )


def lines(results: Results, workload: str) -> Iterator[Sequence[str]]:
    """A workload's, as cells."""
    for form in results.rounds[workload]:
        some = results.of(workload, form)
        rate, p50, p99 = (middle(getattr(one, part) for one in some).median for part in ("rate", "p50", "p99"))
        yield (form, *_cost(results, workload, form), f"{rate:,.0f}", f"{p50:,.1f} ms", f"{p99:,.1f} ms")


def _cost(results: Results, workload: str, form: str) -> Sequence[str]:
    cpu, ratio = results.cpu(workload, form), results.ratio(workload, form)
    if not cpu.median:
        return "-", "-"
    parts = [(name, results.part(workload, form, name)) for name in PARTS]
    told = "".join(f", {name} {found.median:,.1f}" for name, found in parts if found)
    return _around(cpu, 1) + told, "1" if form == BASE else _around(ratio, 2) if ratio else "-"


def _around(found: Middle, digits: int) -> str:
    return f"{found.median:,.{digits}f} ({found.low:,.{digits}f} to {found.high:,.{digits}f})"
