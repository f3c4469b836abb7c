"""The tables, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.affinity.engines import BLOCKS, DECODE_MS, ENGINES, PREFILL, SLOTS
from benchmarks.affinity.results import Results
from benchmarks.affinity.routers import BASE, OURS
from benchmarks.router.results import Middle, middle

NAME = "affinity"
"""Of the files, and of the markers in the page."""
HEAD = ("workload", "router", "found in a cache", "first token p50", "p95", "busiest of four engines", "failed")
COSTS = ("body", f"{BASE}, CPU µs per request", OURS, "more")


def write(results: Results, folder: Path) -> None:
    """`affinity.json` and `affinity.md`."""
    pages.write(folder, NAME, results.json(), text(results))


def insert(document: Path, results: Results) -> None:
    """Puts it between the markers of a document. Raises ValueError when it has none."""
    pages.insert(document, NAME, text(results))


def text(results: Results) -> str:
    """Where it was measured, what is compared, and the tables."""
    routers = [f"- `{name}`: {title}" for name, title in results.routers.items()]
    routers += [f"- `{name}` was left out: {why}" for name, why in results.left_out.items()]
    cost = ["", pages.table(COSTS, costs(results))] if results.costs else []
    return "\n".join([_where(results), *routers, "", pages.table(HEAD, lines(results)), *cost])


def _where(results: Results) -> str:
    machine = results.machine
    late = [one.late * 1000 for pair in results.pairs() for one in results.of(*pair)]
    rounds = min(len(results.of(*pair)) for pair in results.pairs())
    return (
        f"Envoy {machine.envoy}, {machine.cores} cores ({machine.processor}), load average before: {machine.load_average:.1f}. Medians of {rounds} rounds, with the lowest and the highest.\n"
        f"Each router has {ENGINES} engines of its own ({BLOCKS * 16:,} tokens of cache, {PREFILL:,} tokens of prompts/s, {DECODE_MS} ms a token, {SLOTS} requests at once), and all routers get the same talks in the same moments. Clients woke up late by {middle(late).median:,.0f} ms (95th percentile of the median round; {max(late):,.0f} ms in the worst) on a machine that others used, too.\n"
    )


def lines(results: Results) -> Iterator[Sequence[str]]:
    """The first table's, as cells."""
    for workload, router in results.pairs():
        hit, p50, p95, busiest = (
            _spread(results, workload, router, name) for name in ("hit_rate", "p50", "p95", "busiest")
        )
        yield (
            results.workloads[workload],
            router,
            _percent(*hit),
            _milliseconds(*p50),
            _milliseconds(*p95),
            _percent(*busiest),
            str(results.failed(workload, router)),
        )


def costs(results: Results) -> Iterator[Sequence[str]]:
    """The second table's, as cells."""
    return ((one.body, _around(one.base), _around(one.ours), _around(one.more)) for one in results.costs)


def _spread(results: Results, workload: str, router: str, figure: str) -> tuple[float, float, float]:
    """Median, lowest, highest."""
    found = [getattr(one, figure) for one in results.of(workload, router)]
    return results.middle(workload, router, figure).median, min(found), max(found)


def _percent(median: float, low: float, high: float) -> str:
    return f"{median:.0%} ({low:.0%} to {high:.0%})"


def _milliseconds(median: float, low: float, high: float) -> str:
    return f"{median * 1000:,.0f} ms ({low * 1000:,.0f} to {high * 1000:,.0f})"


def _around(found: Middle) -> str:
    return f"{found.median:,.1f} ({found.low:,.1f} to {found.high:,.1f})"
