"""One question of Envoy's, what it costs, and what is charged with it for those that come after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tidegate.brain.decide.step import Ask
from tidegate.brain.limits.allowances import Whose
from tidegate.brain.limits.asking import Asking
from tidegate.brain.limits.rules import Cost, Rules
from tidegate.brain.limits.windows import Charge


class Question(NamedTuple):
    """As long as it waits for its answer."""

    ask: Ask
    asked: Asking
    rules: Rules
    cost: Cost
    reply: Callable[[], bytes]
    """What it is told where there is room."""
    allow: bool
    """Whether others of its kind may have an allowance."""

    @property
    def whose(self) -> Whose:
        """Who asks. A query is left out, of which a client has as many as he likes."""
        return Whose(self.asked.model, self.asked.client, self.asked.path.partition("?")[0])


class Advance(NamedTuple):
    """While it is charged."""

    question: Question
    charges: Sequence[Charge]
