"""The names of all metrics that there are, and those that a PromQL expression names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from e2e.engine_sim.metrics import FAMILIES

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/reference/metrics.md"
SUFFIXES: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count"), "counter": ("_total",)}
NO_METRICS: Final = re.compile(
    r"\[[^\]]*\]"  # ranges
    r"|\{[^}]*\}"  # matchers
    r"|\b(?:by|without|on|ignoring|group_left|group_right) \([^)]*\)"  # labels
    r"|\b(?:and|or|unless|bool)\b"
    r"|\b\d[\w.]*"
)


@cache
def known() -> frozenset[str]:
    """What docs/reference/metrics.md has, what vLLM tells as the simulator does, and Prometheus' own `up`."""
    return frozenset({"up", *_of_page(), *_of_engines()})


def _of_page() -> Iterator[str]:
    for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE):
        yield from (name + suffix for suffix in SUFFIXES["histogram"]) if kind == "histogram" else [name]


def _of_engines() -> Iterator[str]:
    for family in FAMILIES:
        yield from (family["name"] + suffix for suffix in SUFFIXES.get(family["kind"], ("",)))


def named(expression: str) -> set[str]:
    """Each word that is neither a function nor a part of something else."""
    left = NO_METRICS.sub(" ", re.sub(r'"[^"]*"', "", expression))
    return {word for word, called in re.findall(r"([A-Za-z_:][\w:]*)(\s*\()?", left) if not called}
