"""How far a build of many packages is: a bar where somebody watches a terminal, a line now and then where nobody does."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

REPORT_EVERY = 15.0
"""Seconds between two lines."""
Compiled = Callable[[str], None]
"""Takes the name of a package that is compiled now."""


@contextmanager
def watched(
    expected: int, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
) -> Iterator[Compiled]:
    """Gives what is to be called for each package; `expected` is how many there are at most. A thread that builds beside
    other work has no bar: that work writes to the terminal too."""
    if sys.stderr.isatty() and threading.current_thread() is threading.main_thread():
        with bar(expected, Console(stderr=True)) as compiled:
            yield compiled
    else:
        yield lines(expected, tell, clock)


@contextmanager
def bar(expected: int, console: Console) -> Iterator[Compiled]:
    """One line that is drawn again. Go skips what its cache has, so a build may end before the bar does."""
    columns = (
        TextColumn("building"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=expected)
        yield lambda package: progress.update(task, advance=1, description=package[-50:])


def lines(expected: int, tell: Callable[[str], None], clock: Callable[[], float]) -> Compiled:
    """A line every 15 s."""
    started = reported = clock()
    count = 0

    def compiled(package: str) -> None:
        nonlocal count, reported
        count += 1
        if clock() - reported > REPORT_EVERY:
            reported = clock()
            tell(f"{reported - started:4.0f} s: {count:,} of at most {expected:,} packages, {package[-50:]}")

    return compiled
