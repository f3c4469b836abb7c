"""Where two documents differ."""

from __future__ import annotations

from typing import Any


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Paths at which two documents differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [d for key in sorted({*old, *new}) for d in differences(old.get(key), new.get(key), f"{path}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        return [d for i, (a, b) in enumerate(pairs) for d in differences(a, b, f"{path}[{i}]")]
    return [] if old == new else [path.lstrip(".")]
