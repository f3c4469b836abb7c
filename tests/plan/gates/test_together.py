"""Every row of the table in together.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidegate.plan.gates.together import Decision, Gate, Policy, decide
from tidegate.plan.gates.verdict import Outcome, Verdict, silent

ROLLBACK, PAUSE = Policy("Rollback", no_data_limit=10), Policy("Pause", no_data_limit=10)


def gate(outcome: Outcome, looks: int = 0, name: str = "errors") -> Gate:
    return Gate(name, Verdict(outcome, "figures"), looks)


PASSED, FAILED, DOUBTFUL = gate("passed"), gate("failed", name="ttft"), gate("inconclusive")


@pytest.mark.parametrize(
    ("gates", "policy", "held", "move"),
    [
        # one failed
        ([PASSED, FAILED], ROLLBACK, False, "rollback"),
        ([gate("no data", 99), FAILED], ROLLBACK, True, "rollback"),
        ([PASSED, FAILED], PAUSE, True, "pause"),
        # one learnt nothing for more than noDataLimit looks
        ([PASSED, gate("no data", 11)], ROLLBACK, True, "stall"),
        ([PASSED, gate("error", 11)], PAUSE, False, "stall"),
        # one cannot be answered by waiting
        ([PASSED, replace(gate("error", 1), hopeless=True)], PAUSE, False, "stall"),
        # not all passed at this look
        ([PASSED, gate("no data", 10)], ROLLBACK, True, "hold"),
        ([PASSED, gate("error", 1)], ROLLBACK, True, "hold"),
        ([PASSED, DOUBTFUL], ROLLBACK, True, "hold"),
        # all passed, or there are none
        ([PASSED, PASSED], ROLLBACK, False, "hold"),
        ([], ROLLBACK, False, "hold"),
        ([PASSED, PASSED], ROLLBACK, True, "promote"),
        ([], PAUSE, True, "promote"),
    ],
)
def test_the_table(gates: list[Gate], policy: Policy, held: bool, move: str) -> None:
    assert decide(gates, policy, held).move == move


@pytest.mark.parametrize(
    ("gates", "held", "decision"),
    [
        ([PASSED, FAILED], True, Decision("rollback", "ttft failed: figures")),
        ([gate("error", 12)], True, Decision("stall", "errors error: figures (12 looks in a row)")),
        ([PASSED, DOUBTFUL], True, Decision("hold", "errors inconclusive: figures")),
        ([PASSED], False, Decision("hold", "the hold is not over")),
        ([PASSED], True, Decision("promote", "errors passed: figures")),
        ([], True, Decision("promote", "there are no gates")),
    ],
)
def test_why(gates: list[Gate], held: bool, decision: Decision) -> None:
    assert decide(gates, ROLLBACK, held) == decision


def test_silence_is_counted_look_by_look() -> None:
    looks, seen = 0, []
    outcomes: list[Outcome] = ["no data", "error", "no data", "inconclusive", "error", "passed", "failed"]
    for outcome in outcomes:
        looks = silent(looks, Verdict(outcome, ""))
        seen.append(looks)
    assert seen == [1, 2, 3, 0, 1, 0, 0]
