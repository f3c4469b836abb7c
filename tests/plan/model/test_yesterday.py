"""Yesterday outlives the operator: each row of the table, and what is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, model
from tidegate.plan.model.yesterday import remembered, yesterday
from tidegate.plan.plan import Manifest
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.forecast import Days, remember
from tidegate.plan.scaling.state import State, restored
from tidegate.plan.world import ModelWorld

KNOWN = remember(Days(), 4.5, NOW.timestamp())


def world(days: Days | None = KNOWN, *children: Manifest) -> ModelWorld:
    scaled = None if days is None else Decision(1, "Steady", "", (), State(days=days))
    return replace(ModelWorld(model(), DEFAULTS), scaled=scaled, children=children)


def kept(age: float) -> Manifest:
    [made] = yesterday(world(), NOW - timedelta(seconds=age))
    return made


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (world(None), 0),
        (world(Days()), 0),
        (world(KNOWN), 1),
        (world(KNOWN, kept(1799)), 0),
        (world(KNOWN, kept(1800)), 1),
        (world(KNOWN, kept(-60)), 1),
    ],
)
def test_the_table(found: ModelWorld, written: int) -> None:
    assert len(yesterday(found, NOW)) == written


def test_there_and_back() -> None:
    found = remembered(world(None, kept(0)))
    assert restored({}, found).days == KNOWN


def test_it_is_small() -> None:
    full = Days(tuple(123.456 for _ in KNOWN.peaks), 6_000_000)
    [made] = yesterday(world(full), NOW)
    assert len(json.dumps(made)) < 8192


@pytest.mark.parametrize("data", [{}, {"days.json": "{"}, {"days.json": "[1]"}, {"days.json": 7}])
def test_what_cannot_be_read_is_as_if_nothing_were_known(data: Any) -> None:
    broken = {**kept(0), "data": data}
    assert restored({}, remembered(world(None, broken))).days == Days()
