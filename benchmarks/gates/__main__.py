"""`make bench-gates`: what the gates of a rollout do, beside a threshold and Mann-Whitney, on simulated traffic."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.gates import report
from benchmarks.gates.cases import cases
from benchmarks.gates.run import run

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "benchmarks/out"
PAGE = ROOT / "docs/benchmarks.md"
PICTURE = ROOT / "docs/gates.svg"


def main() -> None:
    """Reads the command line, walks, reports."""
    arguments = _parser().parse_args()
    results = run(cases(), arguments.rollouts, arguments.seed)
    report.write(results, OUT)
    print(report.text(results))
    if arguments.docs:
        PICTURE.write_text((OUT / "gates.svg").read_text())
        report.insert(PAGE, results, PICTURE.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates", description=__doc__)
    parser.add_argument(
        "--rollouts", type=int, default=10_000, help="of each case under each rule (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default: %(default)s)")
    parser.add_argument("--docs", action="store_true", help=f"put tables and plot into {PAGE.relative_to(ROOT)}")
    return parser


if __name__ == "__main__":
    main()
