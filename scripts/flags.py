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


def text() -> str:
    """The module."""
    lines = [f"    {_quoted(flag)}: ({', '.join(map(_quoted, others))},),\n" for flag, others in _spellings()]
    return HEAD + "".join(lines) + "}\n"


def _spellings() -> Iterator[tuple[str, list[str]]]:
    flags = json.loads(TABLE.read_text())
    flags.append({"options": ["--help", "-h"], "kind": "switch"})  # argparse's own
    for flag in flags:
        name, *others = flag["options"]
        others += [option.replace("--", "--no-", 1) for option in flag["options"] if flag["kind"] == "boolean"]
        if name in OWNED_FLAGS and others:
            yield name, others


def _quoted(text: str) -> str:
    return f'"{text}"'
