"""`make bench-autoscaling`: what an autoscaler does to users and to the bill, beside others, simulated."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.autoscaling import report
from benchmarks.autoscaling.cases import TRACES, Run, dials, main_runs, other_engines
from benchmarks.autoscaling.run import run

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "benchmarks/out"
PAGE = ROOT / "docs/autoscaling.md"
PICTURE = ROOT / "docs/autoscaling.svg"


def main() -> None:
    """Reads the command line, runs, reports."""
    arguments = _parser().parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    results = run(_runs(arguments.traces.split(","), seeds), seeds, arguments.workers)
    report.write(results, OUT)
    print(report.text(results))
    if arguments.docs:
        PICTURE.write_text((OUT / "autoscaling.svg").read_text())
        report.insert(PAGE, results, PICTURE.name)


def _runs(traces: list[str], seeds: range) -> list[Run]:
    """Other engines and dials with the first seed alone."""
    runs = [*main_runs(seeds), *other_engines(seeds[0]), *dials(seeds[0])]
    return [one for one in runs if one.case.trace in traces]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.autoscaling", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1, help="how many, of each trace under each scaler (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=2,
        help="the first of them; 0 and 1 chose nearly all defaults (default: %(default)s)",
    )
    parser.add_argument("--traces", default=",".join(TRACES), help="some of them (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: %(default)s)"
    )
    parser.add_argument("--docs", action="store_true", help=f"put tables and plots into {PAGE.relative_to(ROOT)}")
    return parser


if __name__ == "__main__":
    main()
