"""Tables for docs/semantic-cache.md, and the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks import pages
from benchmarks.similar.plot import svg
from benchmarks.similar.results import Rates, Results
from tidegate.brain.cache.semantic.quality import interval

NAME: Final = "similar"


def write(results: Results, folder: Path) -> None:
    """`similar.json`, `.md` and `.svg`."""
    pages.write(folder, NAME, asdict(results), text(results), svg(results))


def text(results: Results) -> str:
    """All tables."""
    return "\n".join(
        (
            f"Of {results.questions[0].same} odd-numbered pairs with one answer and {results.questions[0].traps} traps:\n",
            _rates(results.questions),
            f"Of {sum((results.conversations[0].same, results.conversations[0].traps))} pairs of conversations with much the same last message:\n",
            _rates(results.conversations),
            f"Medians, one at a time, on a machine that others use, too (what they take shows on the clock and not in CPU); load average {results.load:.1f} on {results.cores} cores.\n",
            pages.table(
                ("step", "ms on a clock", "ms of CPU"),
                [(each.what, f"{each.wall:.3f}", f"{each.cpu:.3f}") for each in results.costs],
            ),
            f"Simulated, {results.tiers} tiers of {results.judged:,} judged hits each, `maxFalseHits` {results.allowed:.0%}:\n",
            _watched(results),
        )
    )


def _rates(found: Sequence[Rates]) -> str:
    head = ("rule", "cosine at least", "hits", "wrong answers", "95 % interval of these")
    return pages.table(head, [_line(each) for each in found])


def _line(each: Rates) -> tuple[str, ...]:
    low, high = interval(each.wrong, each.traps)
    return (
        each.rule,
        f"{each.threshold:.2f}",
        f"{each.hit_rate:.1%}",
        f"{each.wrong_rate:.1%} ({each.wrong} of {each.traps})",
        f"{low:.1%} to {high:.1%}",
    )


def _watched(results: Results) -> str:
    head = ("hits that are wrong", "tiers that stop answering similar questions", "median of judged hits until then")
    lines = [
        (f"{each.share:.1%}", f"{each.switched_off:.1%}", f"{each.median}" if each.median else "-")
        for each in results.watched
    ]
    return pages.table(head, lines)
