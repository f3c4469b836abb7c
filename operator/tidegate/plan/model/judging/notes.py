"""What is remembered of a gate between two looks.

Passes come as often as anything changes. A look counts, and what it says of silence and failures with it, when its answer is newer than
the last one's by half an interval at least: so that an operator that begins anew, and asks at once, looks no more often than another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.plan.gates.together import Gate
from tidegate.plan.gates.verdict import Verdict, silent


@dataclass(frozen=True)
class Note:
    """Of one objective, or one smoke test."""

    name: str
    outcome: str = "inconclusive"
    words: str = ""
    at: float = 0.0
    """When the newest answer was asked for: Unix time in seconds; 0 before the first."""
    silent: int = 0
    """Looks in a row without an answer."""
    failures: int = 0
    """Looks at which a number was outside its bounds, or an answer wrong, in the whole rollout."""

    def fresh(self, at: float, interval: float) -> bool:
        """Whether an answer of this time is another look."""
        return at >= self.at + interval / 2


Said = tuple[Gate, Note]
FIGURES: Final = 25.0
"""Seconds for which figures stay as they were told, while they are all that changes: less than two looks of 30 s are apart."""


def told(
    before: Sequence[Note], gates: tuple[Gate, ...], notes: tuple[Note, ...]
) -> tuple[tuple[Gate, ...], tuple[Note, ...]]:
    """What is remembered, and told to people: each time it is another one, the status is written.

    against what was told before                              told
    -------------------------------------------------------   ---------------------------------------------------------------
    other objectives, or another outcome or count of one      the newest
    other figures, FIGURES newer of all, twice that of one    the newest
    other figures                                             as before; a look of which nothing is told may be taken again
    """
    known = {note.name: note for note in before}
    pairs = [(known.get(note.name), note) for note in notes]
    if len(known) != len(notes) or any(old is None or _matters(old, new) for old, new in pairs):
        return gates, notes
    newer = [new.at - old.at for old, new in pairs if old]
    if not newer or min(newer) >= FIGURES or max(newer) >= 2 * FIGURES:
        return gates, notes
    kept = tuple(known[note.name] for note in notes)
    same = zip(gates, kept, strict=True)
    return tuple(replace(gate, verdict=replace(gate.verdict, words=note.words)) for gate, note in same), kept


def _matters(old: Note, new: Note) -> bool:
    return (old.outcome, old.silent, old.failures) != (new.outcome, new.silent, new.failures)


def said(note: Note, verdict: Verdict, *, hopeless: bool = False) -> Said:
    """What is no look: nothing is counted."""
    kept = replace(note, outcome=verdict.outcome, words=verdict.words)
    return Gate(note.name, verdict, kept.silent, hopeless), kept


def looked(note: Note, verdict: Verdict, at: float, interval: float, *, hopeless: bool = False) -> Said:
    """A look, counted if it is another one than the last."""
    if note.fresh(at, interval):
        note = replace(note, at=at, silent=silent(note.silent, verdict))
    return said(note, verdict, hopeless=hopeless)
