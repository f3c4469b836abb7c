"""What a starting cluster has reached so far, told from its first process to whoever waits outside."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

State = Literal["working", "ready", "failed"]


@dataclass(frozen=True)
class Step:
    """Something reached; `at` counts seconds since the start."""

    at: float
    text: str
    state: State = "working"

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.text}"


class Progress:
    """Appends steps to a file."""

    def __init__(self, path: Path, started: float) -> None:
        self._path, self._started = path, started

    def tell(self, text: str, state: State = "working") -> None:
        step = Step(round(time.time() - self._started, 2), text, state)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(step)) + "\n")


def read(path: Path, seen: int) -> Iterator[Step]:
    """The steps after the first `seen`."""
    if path.exists():
        for line in path.read_text().splitlines(keepends=True)[seen:]:
            if line.endswith("\n"):
                yield Step(**json.loads(line))
