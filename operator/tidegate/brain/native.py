"""The native filters' shared object, from this package to the folder from which Envoy loads it."""

from __future__ import annotations

import hashlib
import os
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

LIBRARY: Final = "libtidegate.so"
NAME_LENGTH: Final = 12


def built() -> bool:
    """Whether this package was built with it."""
    return _packed().is_file()


def _packed() -> Traversable:
    return resources.files("tidegate").joinpath("native", LIBRARY)


def provided(folder: Path) -> str:
    """Puts it there, under a name with its hash, so that one that Envoy has loaded is never written over; returns the module's name.
    Empty where this package was built without it."""
    if not built():
        return ""
    content = _packed().read_bytes()
    name = f"tidegate-{hashlib.sha256(content).hexdigest()[:NAME_LENGTH]}"
    target = folder / f"lib{name}.so"
    if not target.exists():
        fresh = target.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, target)  # noqa: PTH105 - whole, or not there
    return name
