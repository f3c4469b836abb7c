"""The last looks, as the operator tells them and as the plugin reads them."""

from __future__ import annotations

import json

from tidegate.cli.plugin.scaling import looks as read
from tidegate.plan.scaling.account import Look, account
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.signals import Answer
from tidegate.plan.scaling.state import State

LOAD = Answer("under way", 4.26111, 4.6, "2.84 of 4 engines are in use", value=2.84, age=1.9)
TTFT = Answer("ttft", missing="no answer", age=95.0)
LOOK = Look(1_800_000_000.04, 4, Decision(5, "Signal", "under way: ...", (LOAD, TTFT), State()))


def test_there_and_back() -> None:
    said = json.loads(json.dumps(account([LOOK], 1, 1_800_000_002.0)))
    assert said["silent"] == 1
    [look] = read.looks(said)
    assert (look.asked, look.wanted, look.limit) == (4, 5, "Signal")
    assert look.signals[0] == read.Signal("under way", 2.84, 1.9, 4.261, 4.6, "2.84 of 4 engines are in use", "")
    assert look.signals[1].missing == "no answer"


def test_what_cannot_be_read_is_left_out() -> None:
    assert read.looks({"looks": [7, {"at": "x", "signals": "none"}]}) == (read.Look(0.0, 0, 0, "", ""),)


def test_a_hundred_looks_are_small() -> None:
    assert len(json.dumps(account([LOOK] * 100, 0, 0.0))) < 65_536


def test_stretches() -> None:
    one, two = read.Look(0, 4, 4, "Steady", "a"), read.Look(5, 4, 5, "Signal", "b")
    found = read.stretches([one, one, two])
    assert [(run.looks, run.last.limit) for run in found] == [(1, "Signal"), (2, "Steady")]
