"""The tables, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import pages
from benchmarks.cache.plot import svg
from benchmarks.cache.results import Results

NAME: Final = "cache"
GOALS: Final = {
    "hit in memory (L1)": ("", 0.3),
    "hit in the store (L2)": ("", 1.0),
    "hit among 10,000 vectors (L3)": ("route: no cache", 4.0),
    "miss of memory": ("route: no cache", 0.5),
    "miss of memory and store": ("route: no cache", 0.5),
    "miss of memory and 10,000 vectors": ("route: no cache", 4.0),
}
"""Milliseconds at most, beside what is named first."""


def write(results: Results, folder: Path) -> None:
    """`cache.json`, `cache.md` and `cache.svg`."""
    pages.write(folder, NAME, results.json(), text(results), svg(results))


def insert(document: Path, picture: Path, results: Results) -> None:
    """Puts it between the markers of a document, and the plot beside it. Raises ValueError when it has none."""
    pages.insert(document, NAME, text(results))
    picture.write_text(svg(results))


def text(results: Results) -> str:
    """Where it was measured, and a table for each part."""
    zipf = results.zipf
    shares = [(source, f"{share:.1%}") for source, share in sorted(zipf.shares().items())]
    left = [f"- {name} was left out: {why}\n" for name, why in results.left_out.items()]
    return "\n".join(
        [
            f"{results.machine}; load average before: {results.load_average:.1f}. One connection, one request after the other, an engine that answers at once.\n",
            pages.table(("request", "p50", "p99", "goal (p50)"), _latencies(results)),
            f"{results.elsewhere} of {sum(one.count for one in results.latencies) + results.elsewhere} were answered from elsewhere, by a machine that was busy.\n",
            "The same question over 16 connections, the router on one core:\n",
            pages.table(
                ("router", "hits/s", "CPU µs per hit"),
                [(r.router, f"{r.hits:,.0f}", f"{r.cpu:,.0f}") for r in results.rates],
            ),
            *left,
            f"{len(zipf.sources):,} requests by Zipf's law over 1,500 questions, each said in one of three ways; 200 answers fit into memory:\n",
            pages.table(("answered from", "share"), shares),
            f"Tokens saved: {zipf.saved / max(1, zipf.all_tokens):.1%}. Answers to another question than was asked: {zipf.wrong}.\n",
        ]
    )


def _latencies(results: Results) -> Iterator[Sequence[str]]:
    for each in results.latencies:
        beside, most = GOALS.get(each.what, ("", 0.0))
        added = each.p50 - (results.latency(beside).p50 if beside else 0.0)
        goal = f"{'+' if beside else ''}{added:.2f} ms of {most:g} ms" if most else ""
        yield each.what, f"{each.p50:.2f} ms", f"{each.p99:.2f} ms", goal
