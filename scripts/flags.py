"""operator/tidegate/api/vllm_flags.py: the other spellings of the operator's flags, from the simulator's table of vLLM's flags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tidegate.api.args import OWNED_FLAGS

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "e2e/engine_sim/flags.json"
FILE = ROOT / "operator/tidegate/api/vllm_flags.py"
HEAD = '''"""Spellings of `vllm serve`'s flags that are the operator's, by the long one. Written by `make crds`; do not edit."""

from typing import Final

SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
'''


OTHERS = """
OTHERS: Final = """


def text() -> str:
    """The module."""
    lines = [f"    {_quoted(flag)}: {_tuple(others)},\n" for flag, others in _spellings()]
    return HEAD + "".join(lines) + "}\n" + OTHERS + f"{_tuple(_others())}\n"


def _others() -> list[str]:
    """Short flags that begin as one of the operator's and are another."""
    flags = json.loads(TABLE.read_text())
    ours = [word for _, words in _spellings() for word in words if not word.startswith("--")]
    theirs = [option for flag in flags for option in flag["options"] if flag["options"][0] not in OWNED_FLAGS]
    return [option for option in theirs if not option.startswith("--") and option.startswith(tuple(ours))]


def _spellings() -> Iterator[tuple[str, list[str]]]:
    flags = json.loads(TABLE.read_text())
    flags.append({"options": ["--help", "-h"], "kind": "switch"})  # argparse's own
    for flag in flags:
        name, *others = flag["options"]
        long = [option for option in flag["options"] if option.startswith("--") and flag["kind"] == "boolean"]
        others += [option.replace("--", "--no-", 1) for option in long]
        if name in OWNED_FLAGS and others:
            yield name, others


def _tuple(words: list[str]) -> str:
    return f"({', '.join(map(_quoted, words))}{',' if len(words) == 1 else ''})"


def _quoted(text: str) -> str:
    return f'"{text}"'
