"""The last looks at a model as JSON, for `kubectl tidegate scale explain`: what was seen, what was answered, what was decided.

    {"now": Unix seconds, "silent": engines that say nothing,
     "looks": [{"at", "asked", "wanted", "limit", "words",
                "signals": [{"name", "value", "age", "need", "keep", "words", "missing"}]}]}          the oldest first

Numbers have four digits: a hundred looks are some 60 KiB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.signals import Answer


class Look(NamedTuple):
    """One decision, without what it remembered."""

    at: float
    """Unix, seconds."""
    asked: int
    """Engines that were asked for then."""
    decision: Decision
    totals: Mapping[str, float] = MappingProxyType({})
    """Of signals, where somebody else decides by them."""


def account(looks: Iterable[Look], silent: int, now: float) -> dict[str, Any]:
    """All of it."""
    return {"now": round(now, 1), "silent": silent, "looks": [_look(one) for one in looks]}


def _look(look: Look) -> dict[str, Any]:
    made = look.decision
    return {
        "at": round(look.at, 1),
        "asked": look.asked,
        "wanted": made.replicas,
        "limit": made.limit,
        "words": made.words,
        "signals": [_signal(one) for one in made.answers],
    }


def _signal(one: Answer) -> dict[str, Any]:
    numbers = {"value": one.value, "age": one.age, "need": one.need, "keep": one.keep}
    said = {"words": one.words, "missing": one.missing}
    return {"name": one.name, **{name: float(f"{number:.4g}") for name, number in numbers.items()}, **said}
