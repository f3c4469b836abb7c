"""`make bench-similar`, and a part of `make bench-cache`: right and wrong answers to similar questions, by the rule; tables and a plot in docs/semantic-cache.md."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from benchmarks import pages
from benchmarks.similar import report, watch
from benchmarks.similar.cost import costs
from benchmarks.similar.pairs import conversations, questions
from benchmarks.similar.rates import of_conversations, of_questions
from benchmarks.similar.results import Results
from tidegate.embedding.local import Local

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "benchmarks/out"
PAGE = ROOT / "docs/semantic-cache.md"
PICTURE = ROOT / "docs/semantic-cache.svg"


def main() -> None:
    """Reads the command line, measures, reports."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similar", description=__doc__)
    parser.add_argument("--docs", action="store_true", help=f"put tables and plot into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    results = asyncio.run(run())
    report.write(results, OUT)
    print(report.text(results))
    if arguments.docs:
        PICTURE.write_text((OUT / "similar.svg").read_text())
        pages.insert(PAGE, report.NAME, report.text(results))


async def run() -> Results:
    """Everything, in about a minute."""
    local, load = Local(), os.getloadavg()[0]
    found = Results(
        questions=await of_questions(local, [each for each in questions() if each.odd]),
        conversations=await of_conversations(local, conversations()),
        costs=await costs(local),
        watched=watch.watched(),
        allowed=watch.ALLOWED,
        judged=watch.JUDGED,
        tiers=watch.TIERS,
        load=load,
        cores=os.cpu_count() or 1,
    )
    local.close()
    return found


if __name__ == "__main__":
    main()
