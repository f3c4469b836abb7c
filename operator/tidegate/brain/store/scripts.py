"""Lua that a store runs: https://valkey.io/topics/eval-intro/"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Script:
    """What is loaded once, and the name by which it is run."""

    text: str
    name: str


def script(package: str, *files: str) -> Script:
    """The files of a package one behind the other: what several scripts share stands in front."""
    folder = resources.files(package)
    text = "".join(folder.joinpath(f"{file}.lua").read_text(encoding="utf-8") for file in files)
    return Script(text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324 - the name by which EVALSHA knows it
