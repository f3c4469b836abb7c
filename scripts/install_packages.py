"""Installs a lock file's packages with pip and says how far it is. Runs before anything is installed: needs nothing but Python."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

REPORT_EVERY = 10.0
"""Seconds between two lines when nobody watches a terminal."""
PIP = (
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--no-color",
    "--progress-bar",
    "off",
    "--require-hashes",
    "-r",
)
LAST_WORDS = 30
"""Lines of pip's that are shown when it fails."""


def main(lock: Path) -> int:
    """pip's exit status."""
    expected = sum(line[:1].isalnum() for line in lock.read_text().splitlines())
    argv, environment = [sys.executable, *PIP, str(lock)], {**os.environ, "PYTHONUNBUFFERED": "1"}
    last: deque[str] = deque(maxlen=LAST_WORDS)
    screen = Screen(sys.stderr)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as pip:
        assert pip.stdout is not None
        for text in steps(pip.stdout, expected, last):
            screen.show(text)
    screen.end("".join(last) if pip.returncode else "")
    return pip.returncode


def steps(words: Iterable[str], expected: int, last: deque[str]) -> Iterator[str]:
    """What there is to say at each step of pip's; `last` gets every line of its words."""
    found = 0
    for line in words:
        last.append(line)
        if line.startswith("Collecting "):
            found += 1
            yield f"{found} of at most {expected} packages: {line.split()[1].partition('=')[0]}"
        elif line.startswith("Installing collected packages"):
            yield f"unpacking {found} packages"


class Screen:
    """One line that is written again on a terminal, a line now and then elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._reported = time.monotonic()

    def show(self, text: str) -> None:
        """In place of what was shown before."""
        if self._stream.isatty():
            print(f"\r\033[K{text}", end="", flush=True, file=self._stream)
        elif time.monotonic() - self._reported > REPORT_EVERY:
            self._reported = time.monotonic()
            print(text, flush=True, file=self._stream)

    def end(self, words: str) -> None:
        """Takes the line away, and leaves `words`."""
        clear = "\r\033[K" if self._stream.isatty() else ""
        print(clear + words, end="", file=self._stream)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
