"""How deep JSON may be nested that is read here: whoever reads or writes it goes down by calls, of which Python has only so many, and a stream
or a key nests it deeper still."""

from __future__ import annotations

from typing import Any, Final

DEEPEST: Final = 100
"""Lists and objects within each other; those of APIs are below 20."""


def too_deep(value: Any) -> bool:
    """Whether it is nested deeper than that. Level by level, since a walk down has the fault that is looked for."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        level = [each for outer in level for each in _within(outer) if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def may_be_deep(text: str) -> bool:
    """Whether JSON of this text can be, which most is too simple for."""
    return text.count("[") + text.count("{") > DEEPEST


def _within(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value
