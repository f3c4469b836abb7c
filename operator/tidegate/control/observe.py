"""Whatever is asked of the world besides the API server's watches: beside the queue, each question at its own pace and with a
time-out, so that nobody's pass waits for a router or a store that hangs. What comes back is a sample; a key is queued when
its answer is another one than before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.errors import TidegateError
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.samples import Sample, Samples

log = logging.getLogger("tidegate.observe")

Ask = Callable[[Question], Awaitable[Any]]
TIMEOUT: Final = 10.0
"""Seconds for one answer."""
AGAIN: Final = 2.0
"""Seconds at most until a question that had no answer is asked again, and between two when answers are slow."""
AT_ONCE: Final = 16
"""Questions about one kind of object that are under way at the same time."""
TOGETHER: Final = 0.2
"""Seconds for which a pass waits for what Prometheus says of other objectives: they are asked at the same moments, and make one look."""
OF_A_MODEL: Final = 4
"""Queries and smoke tests of one model that are, because people write them, and may write slow ones: nobody else waits for these."""


@dataclass
class _Asked:
    """A question that some key's plan asks, and what came back."""

    every: float
    task: asyncio.Task[None]
    sooner: asyncio.Event
    value: Any = None
    error: str = ""
    at: float = 0.0
    """When `value` came, by the loop's clock."""
    failing_since: float = 0.0
    """When the first of the questions in a row that had no answer was over; 0 while they have."""

    def sample(self, now: float) -> Sample:
        """What a pass reads at this moment of the loop's clock."""
        return Sample(self.value, now - self.at, self.error, now - self.failing_since if self.error else 0.0)

    def answered(self, value: Any, now: float) -> None:
        """The newest question has an answer."""
        self.value, self.at, self.error = value, now, ""

    def failed(self, error: str, now: float) -> None:
        """The newest question has none."""
        self.failing_since = self.failing_since if self.error else now
        self.error = error


class Observer:
    """Keeps asking what the newest plans ask."""

    def __init__(self, ask: Ask, wake: Callable[[ObjectKey], None]) -> None:
        self._ask = ask
        self._wake = wake
        self._asked: dict[ObjectKey, dict[Question, _Asked]] = {}
        self._soon: set[ObjectKey] = set()
        """Keys that are queued in a moment."""
        self._rooms: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._own: defaultdict[tuple[ObjectKey, bool], asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(OF_A_MODEL)
        )

    def samples(self, key: ObjectKey) -> Samples:
        """What this key's questions were answered."""
        now = asyncio.get_running_loop().time()
        asked = self._asked.get(key, {})
        return {q: a.sample(now) for q, a in asked.items() if a.value is not None or a.error}

    def want(self, key: ObjectKey, questions: Mapping[Question, float]) -> None:
        """The questions of a key's newest plan, with their pace in seconds; those of older plans are dropped."""
        asked = self._asked.setdefault(key, {})
        for question in asked.keys() - questions.keys():
            asked.pop(question).task.cancel()
        for question, every in questions.items():
            if question not in asked:
                asked[question] = self._begin(key, question, every)
            elif every < asked[question].every:
                asked[question].sooner.set()
            asked[question].every = every
        if not asked:
            del self._asked[key]
            for smoke in (False, True):
                self._own.pop((key, smoke), None)

    def forget(self, key: ObjectKey) -> None:
        """Nobody asks for this key any more."""
        self.want(key, {})

    def __len__(self) -> int:
        """Questions that are being asked."""
        return sum(len(asked) for asked in self._asked.values())

    def _begin(self, key: ObjectKey, question: Question, every: float) -> _Asked:
        task = asyncio.get_running_loop().create_task(self._keep_asking(key, question))
        return _Asked(every, task, asyncio.Event())

    async def _keep_asking(self, key: ObjectKey, question: Question) -> None:
        await asyncio.sleep(question.patience)  # and, if that is 0, until want() has filed the question
        clock = asyncio.get_running_loop().time
        while (asked := self._asked.get(key, {}).get(question)) is not None:
            began = clock()
            await self._once(key, question, asked)
            await _pause(asked, began if question.query else clock())

    async def _once(self, key: ObjectKey, question: Question, asked: _Asked) -> None:
        before = (asked.value, asked.error)
        clock = asyncio.get_running_loop().time
        try:
            written = question.query or question.smoke  # by people: these have a time-out of their own
            async with self._room(question), asyncio.timeout(None if written else TIMEOUT):
                answer = await self._ask(question)
            asked.answered(answer, clock())
        except TimeoutError:
            asked.failed(f"no answer within {TIMEOUT:.0f} s", clock())
        except TidegateError as error:
            asked.failed(str(error), clock())
        except Exception as error:
            log.exception("%s: this should not happen; asked again", question.about)
            asked.failed(f"{type(error).__name__}: {error}", clock())
        if _news(before, asked) and not question.quiet:
            self._tell(key, question, asked)

    def _room(self, question: Question) -> asyncio.Semaphore:
        """Whose slow answers it may have to wait for: a smoke test may take minutes, and no gate waits for one; and no model for what is
        asked of another."""
        if question.query or question.smoke:
            return self._own[question.about, bool(question.smoke)]
        return self._rooms[question.about.kind]

    def _tell(self, key: ObjectKey, question: Question, asked: _Asked) -> None:
        if asked.error:
            log.info("%s: %s", question.about, asked.error)
        if question.query:
            self._wake_soon(key)
        else:
            self._wake(key)

    def _wake_soon(self, key: ObjectKey) -> None:
        """Once for all that is said within TOGETHER."""

        def wake() -> None:
            self._soon.discard(key)
            self._wake(key)

        if key not in self._soon:
            self._soon.add(key)
            asyncio.get_running_loop().call_later(TOGETHER, wake)


def _news(before: tuple[Any, str], asked: _Asked) -> bool:
    """Whether a pass would read something else than before; a first answer that says nothing is none."""
    if before == (None, "") and not asked.error:
        return bool(asked.value)
    return (asked.value, asked.error) != before


async def _pause(asked: _Asked, since: float) -> None:
    """Until the next turn, which is counted from `since`: soon after a question that had no answer, and sooner when a newer plan asks more
    often, and then after that plan's own pause."""
    clock = asyncio.get_running_loop().time
    soon = clock() + min(asked.every, AGAIN)
    deadline = soon if asked.error else max(since + asked.every, soon)
    while (left := deadline - clock()) > 0:
        try:
            async with asyncio.timeout(left):
                await asked.sooner.wait()
        except TimeoutError:
            return
        asked.sooner.clear()
        deadline = min(deadline, clock() + asked.every)
