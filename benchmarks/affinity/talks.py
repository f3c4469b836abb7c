"""What is asked: talks of one or more turns, drawn from random numbers, the same for each way of balancing.

turns       each talk has four questions of its own; all begin with the same system prompt
documents   one of 24 documents and a question about it, in one message, and no more
hot         half of all requests begin with the same three messages and end after one question; the others are talks of three turns

A talk's session is its own; of documents it is the document, as a client would name it that wants its questions together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

Message = dict[str, str]
SYSTEM: Final = 400
"""Tokens of the system prompt."""
QUESTION: Final = 280
"""Tokens of a question in `turns` and `hot`."""
DOCUMENTS: Final = 24
DOCUMENT: Final = 1200
"""Tokens of each."""
ABOUT: Final = 40
"""Tokens of a question about a document."""
OPENING: Final = 1000
"""Tokens of the hot prefix beyond the system prompt."""
ANSWER: Final = 16
"""Tokens of an answer."""
PAUSE: Final = (2.0, 4.0)
"""Seconds between an answer and the next question, from and to."""
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Talk:
    """One client's."""

    begins: float
    """Seconds after the round's begin."""
    session: str
    opening: tuple[Message, ...]
    """What was said before its first question."""
    questions: tuple[str, ...]
    pauses: tuple[float, ...]
    """Seconds before each question but the first."""

    @property
    def turns(self) -> int:
        """Requests, when none fails."""
        return len(self.questions)


@dataclass(frozen=True)
class Workload:
    """One kind of talks."""

    title: str
    talks: Callable[[Random], list[Talk]]


def text(dice: Random, tokens: int) -> str:
    """So many tokens of the simulator: a word of four letters is one."""
    return " ".join("".join(dice.choices(LETTERS, k=4)) for _ in range(tokens))


def said(role: str, content: str) -> Message:
    """A message of the API."""
    return {"role": role, "content": content}


def turns(dice: Random) -> list[Talk]:
    """56 talks of four turns."""
    system = said("system", text(dice, SYSTEM))
    return [_talk(dice, begins, f"talk-{n}", (system,), 4) for n, begins in enumerate(_begins(dice, 56, 9))]


def documents(dice: Random) -> list[Talk]:
    """130 questions."""
    read = [text(dice, DOCUMENT) for _ in range(DOCUMENTS)]
    return [_about(dice, begins, number, read[number]) for begins, number in _drawn(dice)]


def hot(dice: Random) -> list[Talk]:
    """96 requests of the hot prefix, and 32 talks of three turns."""
    system = said("system", text(dice, SYSTEM))
    opening = (system, said("user", text(dice, OPENING)), said("assistant", text(dice, ANSWER)))
    same = [_talk(dice, begins, f"hot-{n}", opening, 1) for n, begins in enumerate(_begins(dice, 96, 14))]
    others = [_talk(dice, begins, f"talk-{n}", (system,), 3) for n, begins in enumerate(_begins(dice, 32, 7))]
    return sorted([*same, *others], key=lambda talk: talk.begins)


WORKLOADS: Final[Mapping[str, Workload]] = {
    "turns": Workload("talks of four turns", turns),
    "documents": Workload("first questions about documents", documents),
    "hot": Workload("half of all begin alike", hot),
}


def _drawn(dice: Random) -> Iterator[tuple[float, int]]:
    return ((begins, dice.randrange(DOCUMENTS)) for begins in _begins(dice, 130, 15))


def _begins(dice: Random, count: int, seconds: float) -> list[float]:
    """A Poisson process that has `count` events in that time, on average."""
    return list(accumulate(dice.expovariate(count / seconds) for _ in range(count)))


def _talk(dice: Random, begins: float, session: str, opening: tuple[Message, ...], length: int) -> Talk:
    questions = tuple(text(dice, QUESTION) for _ in range(length))
    return Talk(begins, session, opening, questions, _pauses(dice, length))


def _about(dice: Random, begins: float, number: int, document: str) -> Talk:
    asked = f"{document}\n\n{text(dice, ABOUT)}"
    return Talk(begins, f"document-{number}", (), (asked,), _pauses(dice, 1))


def _pauses(dice: Random, length: int) -> tuple[float, ...]:
    return tuple(dice.uniform(*PAUSE) for _ in range(length - 1))
