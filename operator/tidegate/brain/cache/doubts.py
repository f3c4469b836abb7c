"""How far answers to similar questions can be trusted: some requests that would get one are asked of an engine, and the two are compared.

The client of such a request gets the engine's answer; nobody is asked twice for it. While similar questions are not answered
(semantic/quality.py), all requests that would have been are looked at so.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from tidegate.brain.cache.apis.api import APIS
from tidegate.brain.cache.aside import Aside
from tidegate.brain.cache.asked import Asked
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.flights import Given
from tidegate.brain.cache.judge import Judge
from tidegate.brain.cache.semantic import judging
from tidegate.brain.cache.semantic.quality import Quality, sampled
from tidegate.brain.cache.similar import SimilarQuestions
from tidegate.brain.cache.stored.standing import Standing
from tidegate.contract.cache import Quality as Settings
from tidegate.contract.cache import Semantic

log = logging.getLogger("tidegate.brain")

MOST: Final = 16
"""Comparisons at a time; others are not made."""


class Doubts:
    """Of one tier. `draw` gives numbers from 0 to 1, `mark` words that nobody can guess; `tell` says
    it to the tier's other routers."""

    def __init__(
        self,
        settings: Settings,
        similar: SimilarQuestions,
        semantic: Semantic,
        judge: Judge,
        now: Callable[[], float],
        draw: Callable[[], float],
        mark: Callable[[], str],
        tell: Callable[[Standing], None] = lambda _: None,
    ) -> None:
        self._settings, self._similar, self._semantic = settings, similar, semantic
        self._judge, self._now, self._draw, self._mark = judge, now, draw, mark
        self._tell = tell
        self._quality = Quality(settings.max_false_hits)
        self._comparing = Aside("two answers were not compared", MOST)
        self.verdicts: Counter[str] = Counter()
        """`right`, `wrong`, and `none` where nobody could tell."""

    @property
    def on(self) -> bool:
        """Whether similar questions are answered."""
        return self._quality.state == "On"

    def follow(self, said: Standing) -> None:
        """What stands in the tier's store: others have found it, or this router before it began anew."""
        if said.since < self._quality.since:
            self._tell(self._standing)
        elif self._quality.follow(said.why, said.since):
            self._log()

    @property
    def _standing(self) -> Standing:
        return Standing(self._quality.since, self._quality.why)

    def doubted(self, given: Given) -> bool:
        """Whether an engine is asked instead."""
        if given.source != "semantic":
            return False
        return not self.on or sampled(self._settings.sample, self._draw())

    def compare(self, asked: Asked, given: Given, fresh: Entry) -> None:
        """Soon: what would have been given, and what an engine has said."""
        if not self._comparing.full:
            self._comparing.start(self._compare(asked, given.entry, fresh))

    def told(self) -> dict[str, Any]:
        """What people are told (admin.py)."""
        report = self._quality.report(self._now())
        low, high = report.interval
        return {
            "state": report.state,
            "judged": report.judged,
            "falseHits": report.wrong,
            "low": round(low, 4),
            "high": round(high, 4),
            "says": report.says,
        }

    def stop(self) -> None:
        """Nothing more is compared."""
        self._comparing.stop()

    async def _compare(self, asked: Asked, old: Entry, fresh: Entry) -> None:
        texts = text(old), text(fresh)
        right = await (self._asked(asked, old, *texts) if self._settings.judge else self._measured(*texts))
        self._note(right)

    async def _measured(self, given: str, fresh: str) -> bool | None:
        similarity = await self._similar.similarity(given, fresh)
        return None if similarity is None else judging.agree(given, fresh, similarity, self._semantic.guards)

    async def _asked(self, asked: Asked, old: Entry, given: str, fresh: str) -> bool | None:
        body = judging.ask(self._settings.judge, asked.question, old.question, given, fresh, self._mark())
        return judging.verdict(await self._judge(body))

    def _note(self, right: bool | None) -> None:
        self.verdicts["none" if right is None else "right" if right else "wrong"] += 1
        if right is not None and self._quality.judged(right, self._now()):
            self._log()
            self._tell(self._standing)

    def _log(self) -> None:
        log.warning("similar questions: %s", self._quality.why or "answered again")


def text(entry: Entry) -> str:
    """What an answer says; calls of tools are words, too."""
    answer = json.loads(entry.answer)
    if entry.kind in APIS:
        return APIS[entry.kind].text(answer).strip()
    message = answer["choices"][0].get("message") or {}
    calls = [call.get("function") for call in message.get("tool_calls") or []]
    content = message.get("content") or ""
    said = content if isinstance(content, str) else json.dumps(content)
    return "\n".join([said, *(json.dumps(call, sort_keys=True) for call in calls)]).strip()
