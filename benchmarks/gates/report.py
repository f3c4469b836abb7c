"""The tables and the plot, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.gates.plot import svg
from benchmarks.gates.results import KAYENTA, OURS, THRESHOLD, Outcome, Results, goals

NAME = "gates"
"""Of the files, and of the markers in the page."""
IDENTICAL = (
    "req/s",
    "identical, traffic",
    "**Tidegate: rolled back**",
    "held",
    "promoted after, median (90 %)",
    "Mann-Whitney: rolled back",
    "threshold: rolled back",
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
)


def write(results: Results, folder: Path) -> None:
    """`gates.json`, `gates.md` and `gates.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.json").write_text(json.dumps(results.json(), indent=1) + "\n")
    (folder / f"{NAME}.md").write_text(text(results))
    (folder / f"{NAME}.svg").write_text(svg(results))


def insert(document: Path, results: Results, picture: str) -> None:
    """Puts tables and plot between the markers of a document. Raises ValueError when it has none."""
    pages.insert(document, NAME, f"{text(results)}\n![share of rollouts rolled back over time]({picture})\n")


def text(results: Results) -> str:
    """How much was walked, the goals, and both tables."""
    walked = (
        f"{results.rollouts:,} rollouts of each case under each rule, seed {results.seed}, {results.seconds:.0f} s.\n"
    )
    identical = pages.table(IDENTICAL, _identical(results))
    harmful = pages.table(HARMFUL, _harmful(results))
    return "\n".join([walked, pages.table(("goal", "met in", "not met"), _goals(results)), identical, harmful])


def _goals(results: Results) -> Iterator[Sequence[str]]:
    for goal in goals(results):
        yield goal.what, f"{goal.cases - len(goal.unmet)} of {goal.cases} cases", "; ".join(goal.unmet)


def _identical(results: Results) -> Iterator[Sequence[str]]:
    for case in results.cases(harmful=False):
        ours, kayenta, threshold = _three(results.of(case))
        when = f"{_minutes(ours.half_promoted)} ({_minutes(ours.most_promoted)})"
        rivals = (_percent(kayenta.back), _percent(threshold.back))
        yield str(case.rate), f"{case.what}, {case.kind}", _percent(ours.back), _percent(ours.held), when, *rivals


def _harmful(results: Results) -> Iterator[Sequence[str]]:
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
        )


def _three(found: dict[str, Outcome]) -> tuple[Outcome, Outcome, Outcome]:
    return found[OURS], found[KAYENTA], found[THRESHOLD]


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _minutes(when: float | None) -> str:
    return "-" if when is None else f"{when:.1f} min"
