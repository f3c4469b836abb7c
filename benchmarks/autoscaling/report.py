"""The tables and the plots, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.autoscaling.cases import DIALLED, DIALS, SCALERS, STRONGER
from benchmarks.autoscaling.plot import svg
from benchmarks.autoscaling.results import Outcome, Results, front, goals

NAME = "autoscaling"
"""Of the files, and of the markers in the page."""
LEGEND = "Cells are misses in per cent / GPU-hours / flips; bold: on the Pareto front of misses and GPU-hours (clairvoyant left out)."


def write(results: Results, folder: Path) -> None:
    """`autoscaling.json`, `autoscaling.md` and `autoscaling.svg`."""
    pages.write(folder, NAME, results.json(), text(results), svg(results))


def insert(document: Path, results: Results, picture: str) -> None:
    """Puts tables and plots between the markers of a document. Raises ValueError when it has none."""
    pages.insert(
        document,
        NAME,
        f"{text(results)}\n![engines over time, and misses beside GPU-hours, trace by trace]({picture})\n",
    )


def text(results: Results) -> str:
    """How much was run, the goals, and the tables."""
    seeds = f"seeds {', '.join(map(str, results.seeds))}" if len(results.seeds) > 1 else f"seed {results.seeds[0]}"
    took = f"Simulated, {seeds}: {results.cpu / 60:.0f} minutes of CPU, {results.seconds / 60:.0f} minutes. {LEGEND}\n"
    tables = (
        pages.table(("goal", "reached in", "not in"), _goals(results)),
        pages.table(("trace", "start-up", *SCALERS), _main(results)),
        pages.table(("engine", "trace", "start-up", SCALERS[0], *STRONGER), _others(results)),
        pages.table(("dial, start-up 180 s", *DIALLED), _dials(results)),
    )
    return "\n".join([took, *tables])


def _goals(results: Results) -> Iterator[Sequence[str]]:
    for goal in goals(results):
        yield goal.what, f"{goal.reached} of {goal.cells}", "; ".join(goal.lost)


def _main(results: Results) -> Iterator[Sequence[str]]:
    for case in results.cases():
        found = results.of(case)
        best = front(found)
        yield case.trace, f"{case.startup:.0f} s", *(_cell(found.get(name), name in best) for name in SCALERS)


def _others(results: Results) -> Iterator[Sequence[str]]:
    for case in results.others():
        found = results.of(case)
        best, names = front(found), (SCALERS[0], *STRONGER)
        yield (
            case.model.name,
            case.trace,
            f"{case.startup:.0f} s",
            *(_cell(found.get(name), name in best) for name in names),
        )


def _dials(results: Results) -> Iterator[Sequence[str]]:
    for dial in DIALS:
        yield dial or "defaults", *(_cell(results.dialled(trace, dial), False) for trace in DIALLED)


def _cell(one: Outcome | None, bold: bool) -> str:
    if one is None:
        return ""
    said = f"{one.misses * 100:.2f} / {one.gpu_hours:.1f} / {one.flips:.0f}"
    return f"**{said}**" if bold else said
