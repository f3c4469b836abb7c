"""The operator's last looks, read as far as they can be read: it may be older or newer than this plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tidegate.plan.kube.reading import integer, maps, text


@dataclass(frozen=True)
class Signal:
    """A signal, or a row of the load, at one look."""

    name: str
    value: float
    age: float
    """Seconds."""
    need: float
    """Engines that it asks for."""
    keep: float
    """Engines that must stay."""
    words: str
    missing: str
    """Why it says nothing."""


@dataclass(frozen=True)
class Look:
    """One decision."""

    at: float
    """Unix, seconds."""
    asked: int
    """Engines that were asked for."""
    wanted: int
    limit: str
    words: str
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """Looks in a row that came to the same."""

    first: Look
    last: Look
    looks: int


def looks(said: Mapping[str, Any]) -> tuple[Look, ...]:
    """The oldest first."""
    return tuple(
        Look(
            _number(each, "at"),
            integer(each, "asked"),
            integer(each, "wanted"),
            text(each, "limit"),
            text(each, "words"),
            tuple(map(_signal, maps(each, "signals"))),
        )
        for each in maps(said, "looks")
    )


def _signal(each: Mapping[str, Any]) -> Signal:
    value, age, need, keep = (_number(each, name) for name in ("value", "age", "need", "keep"))
    return Signal(text(each, "name"), value, age, need, keep, text(each, "words"), text(each, "missing"))


def _number(each: Mapping[str, Any], name: str) -> float:
    found = each.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0


def stretches(found: Sequence[Look]) -> list[Stretch]:
    """Runs of looks with the same number and the same reason, the newest first."""
    runs = [list(run) for _, run in groupby(found, key=lambda one: (one.asked, one.wanted, one.limit))]
    return [Stretch(run[0], run[-1], len(run)) for run in reversed(runs)]


def history(found: Sequence[Look], name: str) -> list[float | None]:
    """How many engines a signal asked for at each look; None where it said nothing."""
    return [next((s.need for s in one.signals if s.name == name and not s.missing), None) for one in found]


def named(found: Sequence[Look]) -> list[str]:
    """Signals of all looks: those of the newest first, in its order."""
    return list(dict.fromkeys(signal.name for one in reversed(found) for signal in one.signals))
