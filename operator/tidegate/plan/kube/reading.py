"""Fields of objects that others write: what is there if it has the right type, and nothing otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def text(holder: Any, field: str) -> str:
    """A string, or an empty one."""
    value = holder.get(field) if isinstance(holder, Mapping) else None
    return value if isinstance(value, str) else ""


def integer(holder: Any, field: str, default: int = 0) -> int:
    """A whole number, or the default."""
    value = holder.get(field) if isinstance(holder, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def truth(holder: Any, field: str) -> bool | None:
    """True or false, or neither."""
    value = holder.get(field) if isinstance(holder, Mapping) else None
    return value if isinstance(value, bool) else None


def texts(holder: Any, field: str) -> list[str]:
    """The strings of a list."""
    return [item for item in _list(holder, field) if isinstance(item, str)]


def part(holder: Any, field: str) -> Mapping[str, Any]:
    """A map, or an empty one."""
    value = holder.get(field) if isinstance(holder, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def maps(holder: Any, field: str) -> list[Mapping[str, Any]]:
    """The maps of a list."""
    return [item for item in _list(holder, field) if isinstance(item, Mapping)]


def _list(holder: Any, field: str) -> list[Any]:
    value = holder.get(field) if isinstance(holder, Mapping) else None
    return value if isinstance(value, list) else []


def moment(holder: Any, field: str) -> datetime | None:
    """RFC 3339; None when it is anything else, a time without a zone included."""
    try:
        found = datetime.fromisoformat(text(holder, field))
    except ValueError:
        return None
    return found if found.tzinfo else None
