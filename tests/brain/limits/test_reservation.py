"""What a request has used, by its record."""

from __future__ import annotations

from typing import Any

import pytest

from tests.brain.limits.support import record
from tidegate.brain.limits.reservation import Part, Reservation, read, used, written
from tidegate.brain.limits.windows import Charge

TOLD: dict[str, Any] = {"prompt_tokens": 20, "completion_tokens": 100}


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        (TOLD, 120),
        ({"prompt_tokens": 20}, 20),
        (TOLD | {"events": 300}, 120),
        (TOLD | {"broken": True, "events": 30}, 120),
        ({"prompt_tokens": 20, "completion_tokens": 1, "flags": "DC", "events": 30}, 50),
        ({"completion_tokens": 1, "flags": "DC", "events": 30}, 37),
        ({"flags": "DC", "events": 30}, 37),
        ({"broken": True, "events": 3}, 10),
        ({"events": 3}, 10),
        ({"flags": "DC", "status": 0}, 7),
        ({"status": 500}, 0),
        ({"status": 503, "flags": "UF"}, 0),
        ({"status": 400}, 0),
        ({"status": 429}, 0),
        ({"flags": "UAEX", "status": 503}, 0),
        ({}, None),
    ],
)
def test_each_row(said: dict[str, Any], tokens: int | None) -> None:
    assert used(record(**said), 7) == tokens


def test_it_comes_back_as_it_went() -> None:
    charges = [
        (Charge("tidegate:{a/b}:t:t2000:acme", 500, 70, 2000), 5),
        (Charge("tidegate:{a/b}:p:t9:", 900, 71, 9), 6),
    ]
    text = written(7, charges)
    assert read(text) == Reservation(7, (Part(charges[0][0].key, 5, 70, 2000), Part(charges[1][0].key, 6, 71, 9)))
    for wrong in ("", "x", f"{text} more", "7 key x 1 1"):
        with pytest.raises(ValueError):  # noqa: PT011 - any
            read(wrong)
