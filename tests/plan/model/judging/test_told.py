"""What is remembered of a look, and so written: every row."""

from __future__ import annotations

from dataclasses import replace

from tidegate.plan.gates.together import Gate
from tidegate.plan.gates.verdict import Verdict
from tidegate.plan.model.judging.notes import FIGURES, Note, told

OLD = (Note("errors", "passed", "0 of 100", at=1000.0), Note("ttft", "passed", "1 of 100", at=1001.0))


def look(*later: float, **changed: object) -> tuple[Note, ...]:
    """Notes that are so many seconds newer; fields of the first one."""
    made = tuple(replace(note, at=note.at + s, words="new") for note, s in zip(OLD, later, strict=True))
    return (replace(made[0], **changed), *made[1:])  # type: ignore[arg-type]


def words(notes: tuple[Note, ...], before: tuple[Note, ...] = OLD) -> list[str]:
    gates = tuple(Gate(note.name, Verdict("passed", note.words)) for note in notes)
    shown, kept = told(before, gates, notes)
    assert [gate.verdict.words for gate in shown] == [note.words for note in kept], "one look, one set of words"
    return [note.words for note in kept]


def test_other_objectives() -> None:
    assert words(look(1, 1), OLD[:1]) == ["new", "new"]
    assert words(look(1, 1), ()) == ["new", "new"]


def test_another_outcome_or_count() -> None:
    assert words(look(1, 1, outcome="failed")) == ["new", "new"]
    assert words(look(1, 1, silent=1)) == ["new", "new"]
    assert words(look(1, 1, failures=1)) == ["new", "new"]


def test_other_figures() -> None:
    assert words(look(5, 5)) == ["0 of 100", "1 of 100"]
    assert words(look(FIGURES, 5)) == ["0 of 100", "1 of 100"], "one write a look, when all are there"
    assert words(look(FIGURES, FIGURES)) == ["new", "new"]
    assert words(look(2 * FIGURES, 5)) == ["new", "new"], "one that lags holds nobody up for ever"
    assert told((), (), ()) == ((), ())
