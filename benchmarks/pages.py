"""Tables of GitHub's Markdown, and the places between markers where pages hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path


def markers(name: str) -> tuple[str, str]:
    """Between these stands what the benchmark of that name wrote."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def insert(document: Path, name: str, text: str) -> None:
    """Puts a text between the markers of a document. Raises ValueError when it has none."""
    first, last = markers(name)
    before, begin, rest = document.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        raise ValueError(f"{document} has no {first} and {last}")
    document.write_text(f"{before}{begin}\n{text}{end}{after}")


def write(folder: Path, name: str, found: object, text: str, svg: str = "") -> None:
    """A benchmark's files, `name` with `.json`, `.md` and, where there is a plot, `.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / f"{name}.md").write_text(text)
    if svg:
        (folder / f"{name}.svg").write_text(svg)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A head, a rule and lines of as many cells."""
    ruled = (head, ["---"] * len(head), *lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in ruled)
