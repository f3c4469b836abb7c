"""Completion of `kubectl tidegate` where kubectl's own is set up: kubectl runs `kubectl_complete-tidegate` with the words so far.

It reads one suggestion a line and then a directive, a number of cobra's ShellCompDirective (kubernetes.io, "Extend kubectl with
plugins"). The suggestions are those that Typer has for bash, asked for as bash would.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import Final

import typer

from tidegate.cli.caching.main import cache
from tidegate.cli.plugin.main import plan, rollout, scale

PROGRAM: Final = "kubectl-tidegate"
NO_FILES: Final = ":4"
"""Names of files are never meant."""
app = typer.Typer()
app.command()(plan)
app.add_typer(rollout, name="rollout")
app.add_typer(scale, name="scale")
app.add_typer(cache, name="cache")


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point: the last word is the one that is being typed."""
    words = [PROGRAM, *(sys.argv[1:] if argv is None else argv)]
    os.environ |= {
        "_KUBECTL_TIDEGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    try:
        app(args=[], prog_name=PROGRAM)
    except SystemExit:
        print(NO_FILES)
