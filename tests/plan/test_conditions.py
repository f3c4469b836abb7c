"""Every row of the table in conditions.py, and the dates."""

from __future__ import annotations

import pytest

from tests.support.builders import EARLIER, NOW, condition, model, verdict
from tests.support.simulation import Simulation
from tidegate.plan import conditions
from tidegate.plan.conditions import Verdict, dated, done, holds, progressing, stalled, standard


@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        (done("fine"), ("True", "False", "False")),
        (progressing("Starting", "wait"), ("False", "True", "False")),
        (progressing("Switching", "wait", serving=True), ("True", "True", "False")),
        (stalled("Broken", "help"), ("False", "False", "True")),
        (stalled("Broken", "help", serving=True), ("True", "False", "True")),
    ],
)
def test_table(said: Verdict, statuses: tuple[str, str, str]) -> None:
    found = standard(said)
    assert verdict({"conditions": found}) == statuses
    ready, *others = found
    assert (ready["reason"], ready["message"]) == (said.reason, said.message)
    for other in others:
        expected = (said.reason, said.message) if other["status"] == "True" else (conditions.AS_SPECIFIED, "")
        assert (other["reason"], other["message"]) == expected


@pytest.mark.parametrize("served", [0, 1])
def test_suspended_is_ready_as_it_was(served: int) -> None:
    simulation = Simulation(model())
    simulation.run()
    simulation.ready("Active", served)
    simulation.run()
    simulation.edit({"suspend": True})
    status = simulation.run().status
    assert verdict(status) == (str(bool(served)), "False", "False")
    assert condition(status, "Suspended")["status"] == "True"
    simulation.edit({"suspend": False})
    assert "Suspended" not in {c["type"] for c in simulation.run().status["conditions"]}


def test_the_time_changes_with_the_status_only() -> None:
    old = [{"type": "Ready", "status": "True", "reason": "Old", "lastTransitionTime": EARLIER}]
    kept, new = conditions.condition("Ready", True, "New", ""), conditions.condition("Ready", False, "New", "")
    now = NOW.isoformat()
    assert dated([kept], old, 3, now)[0] == kept | {"lastTransitionTime": EARLIER, "observedGeneration": 3}
    assert dated([new], old, 3, now)[0]["lastTransitionTime"] == now
    assert dated([kept], [], 3, now)[0]["lastTransitionTime"] == now


def test_unknown_and_long() -> None:
    made = conditions.condition("Ready", None, "Reason", "x" * 40000)
    assert made["status"] == "Unknown"
    assert len(made["message"]) == 32768


def test_holds() -> None:
    assert not holds({}, "Ready")
    owner = {"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Stalled", "status": "False"}]}}
    assert holds(owner, "Ready")
    assert not holds(owner, "Stalled")
    assert not holds(owner, "Suspended")
