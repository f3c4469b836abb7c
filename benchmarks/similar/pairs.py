"""Pairs of questions that want one answer, or do not (fow-cache 0.1.0: code MIT, data CC BY 4.0; written by language models, partly checked by people).

Word lists and rules of the guards were made with the pairs of even numbers in sight; what is reported is of the odd ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fow_cache import data


@dataclass(frozen=True)
class Pair:
    """A question that is stored, and one that is asked."""

    number: int
    """The digits at the end of its name, 1 to 100 in each category."""
    category: str
    stored: str
    asked: str
    same: bool
    """Whether one answer is right for both."""

    @property
    def odd(self) -> bool:
        """One that nothing was tuned on."""
        return self.number % 2 == 1


def questions() -> list[Pair]:
    """All 600."""
    return [_pair(each) for each in data.load_questions()]


def conversations() -> list[tuple[list[dict[str, Any]], list[dict[str, Any]], bool]]:
    """All 240: messages that are stored, messages that are asked, and whether one answer is right for both."""
    return [(each["a"], each["b"], each["same_answer"]) for each in data.load_conversations()]


def _pair(each: dict[str, Any]) -> Pair:
    return Pair(int(each["id"][-3:]), each["category"], each["a"], each["b"], each["same_answer"])
