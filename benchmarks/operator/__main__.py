"""`make bench-operator`: everything, on a cluster of its own that is gone afterwards."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from benchmarks.operator import report
from benchmarks.operator.place import cluster, place
from benchmarks.operator.results import Results, rows
from benchmarks.operator.run import run

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "benchmarks/out"
PAGE = ROOT / "docs/benchmarks.md"
PICTURE = "operator.svg"


def main() -> None:
    """Reads the command line, measures, reports."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operator", description=__doc__)
    parser.add_argument("--name", default="bench-operator", help="name of the dev cluster")
    parser.add_argument("--sizes", default="100,300,1000", help="numbers of models, ascending")
    parser.add_argument(
        "--rounds", type=int, default=3, help="floods of each size, by the bare client and by the operator"
    )
    parser.add_argument("--workers", type=int, default=8, help="requests under way; the operator's own default is 8")
    parser.add_argument("--samples", type=int, default=50, help="changes for each latency at rest")
    parser.add_argument("--docs", action="store_true", help=f"put table and plot into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    results = asyncio.run(_measured(arguments.name, sizes, arguments.rounds, arguments.workers, arguments.samples))
    report.write(results, OUT)
    table = rows(results)
    print(report.plain(table))
    if arguments.docs:
        (PAGE.parent / PICTURE).write_text((OUT / PICTURE).read_text())
        report.insert(PAGE, report.page(results), PICTURE)


async def _measured(name: str, sizes: list[int], rounds: int, workers: int, samples: int) -> Results:
    with cluster(name) as running:
        try:
            async with place(running, workers) as here:
                return await run(here, sizes, rounds, workers, samples)
        finally:
            report.keep_logs(running, OUT)


if __name__ == "__main__":
    main()
