"""The tables and the plot, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.gates.cases import Case
from benchmarks.gates.plot import svg
from benchmarks.gates.results import KAYENTA, OURS, THRESHOLD, Goal, Outcome, Results, goals

NAME = "gates"
"""Of the files, and of the markers in the page."""
GOALS = ("goal", "reached in", "where it is not, the tables say")
IDENTICAL = (
    "req/s",
    "identical, traffic",
    "**Tidegate: rolled back**",
    "held",
    "promoted after, median (90 %)",
    "Mann-Whitney: rolled back",
    "threshold: rolled back",
    "missed",
)
HARMFUL = (
    "req/s",
    "harm, traffic",
    "**Tidegate: rolled back**",
    "held",
    "half after",
    "bad requests",
    "Mann-Whitney: rolled back",
    "half after",
    "bad requests",
    "threshold: half after",
    "missed",
)


def write(results: Results, folder: Path) -> None:
    """`gates.json`, `gates.md` and `gates.svg`."""
    pages.write(folder, NAME, results.json(), text(results), svg(results))


def insert(document: Path, results: Results, picture: str) -> None:
    """Puts tables and plot between the markers of a document. Raises ValueError when it has none."""
    pages.insert(document, NAME, f"{text(results)}\n![share of rollouts rolled back over time]({picture})\n")


def text(results: Results) -> str:
    """How much was walked, the goals, and both tables."""
    took = f"{results.cpu / 60:.1f} minutes of CPU, {results.seconds / 60:.1f} minutes"
    walked = f"{results.rollouts:,} rollouts of each case under each rule, seed {results.seed}: {took}.\n"
    found = goals(results)
    missed = {case.name: ", ".join(goal.short for goal in found if case.name in goal.unmet) for case in _cases(results)}
    tables = ((GOALS, _goals(found)), (IDENTICAL, _identical(results, missed)), (HARMFUL, _harmful(results, missed)))
    return "\n".join([walked, *(pages.table(head, lines) for head, lines in tables)])


def _cases(results: Results) -> Iterator[Case]:
    return (case for harmful in (False, True) for case in results.cases(harmful))


def _goals(found: Sequence[Goal]) -> Iterator[Sequence[str]]:
    return ((goal.what, f"{goal.cases - len(goal.unmet)} of {goal.cases} cases", goal.short) for goal in found)


def _identical(results: Results, missed: Mapping[str, str]) -> Iterator[Sequence[str]]:
    for case in results.cases(harmful=False):
        ours, kayenta, threshold = _three(results.of(case))
        yield (
            str(case.rate),
            f"{case.what}, {case.kind}",
            _percent(ours.back),
            _percent(ours.held),
            f"{_minutes(ours.half_promoted)} ({_minutes(ours.most_promoted)})" if ours.promoted else "-",
            _percent(kayenta.back),
            _percent(threshold.back),
            missed[case.name],
        )


def _harmful(results: Results, missed: Mapping[str, str]) -> Iterator[Sequence[str]]:
    for case in results.cases(harmful=True):
        ours, kayenta, threshold = _three(results.of(case))
        yield (
            str(case.rate),
            f"{case.what}, {case.kind}",
            _percent(ours.back),
            _percent(ours.held),
            _minutes(ours.half_back),
            f"{ours.harm:,.0f}",
            _percent(kayenta.back),
            _minutes(kayenta.half_back),
            f"{kayenta.harm:,.0f}",
            _minutes(threshold.half_back),
            missed[case.name],
        )


def _three(found: dict[str, Outcome]) -> tuple[Outcome, Outcome, Outcome]:
    return found[OURS], found[KAYENTA], found[THRESHOLD]


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _minutes(when: float | None) -> str:
    return "-" if when is None else f"{when:.1f} min"
