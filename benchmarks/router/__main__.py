"""`make bench-router`: what a request costs in the router, form by form."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.router import report
from benchmarks.router.documents import ROOT
from benchmarks.router.forms import FORMS
from benchmarks.router.results import Results
from benchmarks.router.run import place, run
from benchmarks.router.workloads import KNOWN

OUT = ROOT / "benchmarks/out"
PAGE = ROOT / "docs/benchmarks.md"


def main() -> None:
    """Reads the command line, measures, reports."""
    arguments = _parser().parse_args()
    with place() as here:
        results = run(here, arguments.rounds, arguments.minutes, arguments.forms, arguments.workloads)
    report.write(results, OUT)
    print(report.text(results))
    if arguments.docs:
        publish(PAGE, results, arguments.spread)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router", description=__doc__)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS), help="(default: all)")
    parser.add_argument("--workloads", nargs="+", choices=KNOWN, default=list(KNOWN), help="(default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="of each form under each workload (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=12.0, help="of all rounds together (default: %(default)s)")
    parser.add_argument("--docs", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    parser.add_argument(
        "--spread",
        type=float,
        default=0.15,
        help="widest quartiles of a ratio that go into the page (default: %(default)s)",
    )
    return parser


def publish(page: Path, results: Results, most: float) -> None:
    """Puts the table into a page. Raises SystemExit when a ratio spreads further than `most`, a share of it."""
    if noisy := results.unsteady(most):
        names = ", ".join(f"{workload}/{form}" for workload, form in noisy)
        raise SystemExit(f"not put into {page.name}: the quartiles of a ratio are over {most:.0%} apart: {names}")
    report.insert(page, results)


if __name__ == "__main__":
    main()
