"""The table, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.router.results import BASE, Middle, Results, middle

NAME = "router"
"""Of the files, and of the markers in the page."""
HEAD = ("workload", "form", "CPU µs per request", f"times {BASE}", "requests/s", "p50", "p99")


def write(results: Results, folder: Path) -> None:
    """`router.json` and `router.md`."""
    pages.write(folder, NAME, results.json(), text(results))


def insert(document: Path, results: Results) -> None:
    """Puts it between the markers of a document. Raises ValueError when it has none."""
    pages.insert(document, NAME, text(results))


def text(results: Results) -> str:
    """Where it was measured, what the forms are, and the table."""
    forms = [f"- `{name}`: {title}" for name, title in results.forms.items()]
    forms += [f"- `{name}` was left out: {why}" for name, why in results.left_out.items()]
    return "\n".join([_where(results), *forms, "", pages.table(HEAD, lines(results))])


def _where(results: Results) -> str:
    machine, others = results.machine, results.others()
    rounds = min(len(results.of(*pair)) for pair in results.pairs())
    found = middle(others)
    return (
        f"Envoy {machine.envoy} on one of {machine.cores} cores ({machine.processor}), {rounds} rounds. Load average before: {machine.load_average:.1f}.\n"
        f"Processes of others used {found.median:.0%} of Envoy's core meanwhile (quartiles {found.low:.0%} and {found.high:.0%}, at most {max(others):.0%}).\n"
    )


def lines(results: Results) -> Iterator[Sequence[str]]:
    """The table's, as cells."""
    for workload, form in results.pairs():
        some = results.of(workload, form)
        rate, p50, p99 = (middle(getattr(one, part) for one in some).median for part in ("rate", "p50", "p99"))
        yield (
            results.workloads[workload],
            form,
            _around(results.cpu(workload, form), 1) + _helper([one.helper for one in some]),
            "1" if form == BASE else _around(results.ratio(workload, form), 2),
            f"{rate:,.0f}",
            f"{p50:,.1f} ms",
            f"{p99:,.1f} ms",
        )


def _around(found: Middle, digits: int) -> str:
    return f"{found.median:,.{digits}f} ({found.low:,.{digits}f} to {found.high:,.{digits}f})"


def _helper(found: Sequence[float | None]) -> str:
    used = [one for one in found if one is not None]
    return f", helper {_around(middle(used), 1)}" if used else ""
