"""In what two questions must not differ, however near their vectors are.

| guard    | lets pass                                                                                                          |
|----------|--------------------------------------------------------------------------------------------------------------------|
| Numbers  | the same numbers with the same units, in the same order                                                            |
| Dates    | the same clock times, dates, years, days, months, and words such as `tomorrow`, `weekly`, `last`                   |
| Negation | as many negations; no word beside its opposite (words/opposites.txt, or `un-`, `in-`, `dis-`, ... before it)               |
| Entities | what is written like a name in one (a capital letter inside a sentence, letters with digits) stands in the other, however it is |
|          | written, and names stand in the same order; the same words do, too, but where a clause has moved from one end to the other |

A guard that is too strict costs a hit, one that is too lax gives a wrong answer: where in doubt they do not let pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

from tidegate.brain.cache.semantic.reading import Features, features, stem
from tidegate.contract.cache import Guard

__all__ = ["Features", "Guard", "differ", "features"]

PREFIXES: Final = frozenset({"un", "in", "im", "il", "ir", "dis", "non", "de", "anti", "mis"})


def differ(one: Features, other: Features, guards: Iterable[Guard]) -> Guard | None:
    """The first of these guards that tells the two apart; None: none does."""
    return next((guard for guard in guards if CHECKS[guard](one, other)), None)


def _numbers(one: Features, other: Features) -> bool:
    return one.numbers != other.numbers


def _dates(one: Features, other: Features) -> bool:
    return one.dates != other.dates


def _negation(one: Features, other: Features) -> bool:
    if one.negations != other.negations:
        return True
    ours, theirs = Counter(one.words), Counter(other.words)
    return _opposed(set(ours - theirs), set(theirs - ours))


def _opposed(ours: set[str], theirs: set[str]) -> bool:
    """Whether a word of the one is the opposite of a word of the other. The work grows with their words, not with pairs of them."""
    return _turned(ours, theirs) or _turned(theirs, ours) or _across(_sides(ours), _sides(theirs))


def _turned(ours: set[str], theirs: set[str]) -> bool:
    """`safe`, `unsafe`"""
    return any(prefix + word in theirs for word in ours if len(word) > 2 for prefix in PREFIXES)


def _across(ours: dict[int, set[int]], theirs: dict[int, set[int]]) -> bool:
    return any(len(sides | theirs[line]) > 1 for line, sides in ours.items() if line in theirs)


def _sides(words: set[str]) -> dict[int, set[int]]:
    """On which sides of which lines they stand."""
    found: dict[int, set[int]] = {}
    for word in words:
        for line, side in _opposites().get(word, ()):
            found.setdefault(line, set()).add(side)
    return found


def _entities(one: Features, other: Features) -> bool:
    if _exchanged(one.words, other.words):
        return True
    ours, theirs = set(one.words), set(other.words)
    names = {*one.names, *other.names}
    if not names:
        return False
    return not names <= ours & theirs or _order(one, names) != _order(other, names)


def _exchanged(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """`celsius to fahrenheit`, `fahrenheit to celsius`: all words are the same, and somebody or something has another place. A clause that has
    moved from the end to the beginning (`on my phone, how do I ...`) leaves the words in their order, seen as a ring."""
    if ours == theirs or len(ours) != len(theirs) or Counter(ours) != Counter(theirs):
        return False
    return f" {' '.join(theirs)} " not in f" {' '.join(ours * 2)} "


def _order(text: Features, names: set[str]) -> list[str]:
    """Each where it stands first."""
    return list(dict.fromkeys(word for word in text.words if word in names))


@cache
def _opposites() -> dict[str, list[tuple[int, int]]]:
    """Of a stem: the lines of words/opposites.txt that it stands in, and on which side of each."""
    found: dict[str, list[tuple[int, int]]] = {}
    text = files(__package__).joinpath("words", "opposites.txt").read_text("utf-8")
    for number, line in enumerate(text.splitlines()):
        for side, words in enumerate(line.split("|") if not line.startswith("#") else ()):
            for word in words.split():
                found.setdefault(stem(word), []).append((number, side))
    return found


CHECKS: Final = {"Numbers": _numbers, "Dates": _dates, "Negation": _negation, "Entities": _entities}
