"""What a decision knows of those before it, as a value that the status can keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tidegate.plan.scaling.forecast import Days
from tidegate.plan.scaling.headroom import Headroom
from tidegate.plan.scaling.learned import Learned
from tidegate.plan.scaling.policies import Change
from tidegate.plan.scaling.startup import Startups
from tidegate.plan.scaling.ticks import Ticks
from tidegate.plan.scaling.windows import Remembered


@dataclass(frozen=True)
class State:
    """Of one model. What is lost costs a window in which nothing leaves, and ten minutes of learning."""

    since: float | None = None
    """Since when looks follow each other without a gap (Unix, seconds)."""
    replicas: int | None = None
    """Engines that were asked for at the last look."""
    ticks: Ticks = field(default_factory=Ticks)
    learned: Learned = field(default_factory=Learned)
    headroom: Headroom = field(default_factory=Headroom)
    startups: Startups = field(default_factory=Startups)
    changes: tuple[Change, ...] = ()
    """Of the last half hour: the longest period that a policy may have."""
    downs: Remembered = ()
    ups: Remembered = ()
    busy: float | None = None
    """When somebody last asked (Unix, seconds)."""
    days: Days = field(default_factory=Days)
    """576 numbers: for a ConfigMap, not for the status."""


_KEPT: Final[dict[str, TypeAdapter[Any]]] = {
    "learned": TypeAdapter(Learned),
    "headroom": TypeAdapter(Headroom),
    "startups": TypeAdapter(Startups),
    "changes": TypeAdapter(tuple[Change, ...]),
}
_DAYS: Final = TypeAdapter(Days)


def kept(state: State) -> dict[str, Any]:
    """What outlives the process, for JSON: all but looks and windows, which are old when it comes back, and `days`. Up to 2 KiB."""
    parts = {name: how.dump_python(getattr(state, name), mode="json") for name, how in _KEPT.items()}
    del parts["startups"]["counted"]
    return {name: _short(part) for name, part in parts.items()}


def kept_days(state: State) -> dict[str, Any]:
    """Yesterday and today, for JSON."""
    days: dict[str, Any] = _DAYS.dump_python(state.days, mode="json")
    return days


def restored(stored: Any, days: Any = None) -> State:
    """Read as far as it can be read, whoever wrote it; what cannot be read is as if nothing were known."""
    known = stored if isinstance(stored, dict) else {}
    parts = {name: _read(how, known.get(name)) for name, how in _KEPT.items()}
    read = {name: part for name, part in parts.items() if part is not None}
    return State(**read, days=_read(_DAYS, days) or Days())


def _read(how: TypeAdapter[Any], stored: Any) -> Any:
    try:
        return how.validate_python(stored)
    except ValidationError:
        return None


def _short(value: Any) -> Any:
    """Numbers with six digits; times (Unix, seconds) with all before the point."""
    if isinstance(value, float):
        return round(value, 1) if value > 1e6 else float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _short(inner) for key, inner in value.items()}
    return [_short(inner) for inner in value] if isinstance(value, list | tuple) else value
