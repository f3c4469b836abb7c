"""`make bench-cache`: what the response cache costs and saves."""

from __future__ import annotations

import argparse

from benchmarks.cache import report
from benchmarks.cache.run import run
from benchmarks.router.documents import ROOT

OUT = ROOT / "benchmarks/out"
PAGE = ROOT / "docs/cache.md"
PICTURE = ROOT / "docs/cache.svg"


def main() -> None:
    """Reads the command line, measures, reports."""
    arguments = _parser().parse_args()
    results = run(arguments.singles, arguments.seconds, arguments.requests)
    report.write(results, OUT)
    print(report.text(results))
    if arguments.docs:
        report.insert(PAGE, PICTURE, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--singles", type=int, default=300, help="requests of each kind (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="of hits for each router (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=8000, help="by Zipf's law (default: %(default)s)")
    parser.add_argument("--docs", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    return parser


if __name__ == "__main__":
    main()
