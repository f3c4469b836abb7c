"""`make bench-affinity`: what sending requests to the engine that knows how they begin does for caches and first tokens."""

from __future__ import annotations

import argparse

from benchmarks.affinity import report
from benchmarks.affinity.cost import costs
from benchmarks.affinity.run import run
from benchmarks.router.documents import ROOT

OUT = ROOT / "benchmarks/out"
PAGE = ROOT / "docs/benchmarks.md"


def main() -> None:
    """Reads the command line, measures, reports."""
    arguments = _parser().parse_args()
    results = run(arguments.rounds)
    results.costs += costs(arguments.cost_rounds, arguments.minutes)
    report.write(results, OUT)
    print(report.text(results))
    if arguments.docs:
        report.insert(PAGE, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.affinity", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each workload (default: %(default)s)")
    parser.add_argument("--cost-rounds", type=int, default=5, help="of the CPU's cost (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=0.6, help="of all those together (default: %(default)s)")
    parser.add_argument("--docs", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    return parser


if __name__ == "__main__":
    main()
