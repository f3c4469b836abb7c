"""Each row of the table in outcome.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidegate.brain.records.outcome import FAILED, LEFT, REFUSED, outcome
from tidegate.brain.records.record import Record

GOOD = Record("main", "a.r1", 200, frozenset(), True, False, 1.0, 0.2, 10, 0, 5)


def after(**changes: object) -> Record:
    return replace(GOOD, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "word"),
    [
        *((after(flags=frozenset({flag})), "cancelled") for flag in LEFT),
        *((after(flags=frozenset({flag, "UC"}), status=503), "cancelled") for flag in LEFT),
        (after(status=0), "cancelled"),
        *((after(flags=frozenset({flag}), status=503), "shed") for flag in REFUSED),
        (after(flags=frozenset({"SI"}), status=408, of_engine=False, destination="unparsed"), "client_error"),
        *((after(flags=frozenset({flag}), status=503), "error") for flag in FAILED),
        (after(flags=frozenset({"SI"}), status=504, of_engine=False), "error"),
        (after(flags=frozenset({"UC"})), "error"),
        (after(flags=frozenset({"SI"}), status=408, of_engine=False), "client_error"),
        (after(broken=True), "error"),
        (after(status=500), "error"),
        (after(status=503), "error"),
        (after(status=429), "error"),
        (after(status=429, of_engine=False), "shed"),
        (after(status=400), "client_error"),
        (after(status=404, of_engine=False), "client_error"),
        (after(status=503, of_engine=False, destination=""), "error"),
        (after(status=204), "ok"),
        (GOOD, "ok"),
    ],
)
def test_row(record: Record, word: str) -> None:
    assert outcome(record) == word
