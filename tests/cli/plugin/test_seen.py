"""What is read of a ModelDeployment: the table of states, and whatever else stands there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import rollouts
from tests.support.rollouts import STABLE, TRIED, arm, on_trial, promoted, switching, taken_back
from tidegate.cli.plugin.seen import Arm, Gate, seen
from tidegate.plan.model.stages import Stage


def newer() -> dict[str, Any]:
    made = promoted()
    made["metadata"]["generation"] = 2
    return made


def retried(value: str, **rollout: Any) -> dict[str, Any]:
    made = taken_back(**rollout)
    made["metadata"]["annotations"] = {"tidegate.dev/retry": value}
    return made


def nearly_promoted() -> dict[str, Any]:
    made = promoted()
    made["status"]["rollout"]["phase"] = "Promoting"
    return made


def changed_back() -> dict[str, Any]:
    """The spec is that of the Active one again, and the status still has the trial."""
    made = on_trial()
    made["status"]["revisions"] = [arm(STABLE, "Active", 100, 2), arm(TRIED, "Retiring", 0, 1)]
    return made


def another_switches() -> dict[str, Any]:
    made = promoted()
    made["status"]["revisions"].append(arm("cccc3333", "Candidate", 0, 1))
    return made


@pytest.mark.parametrize(
    ("model", "state", "revision"),
    [
        (newer(), "Unseen", TRIED),
        (retried(f"{TRIED}/1"), "Unseen", TRIED),
        (retried(f"{TRIED}/1", retry=f"{TRIED}/1"), "Refused", TRIED),
        (retried("cccc3333/1"), "Refused", TRIED),
        (taken_back(), "Refused", TRIED),
        (on_trial(), "Trial", TRIED),
        (nearly_promoted(), "Trial", TRIED),
        (switching(), "Switching", TRIED),
        (another_switches(), "Switching", "cccc3333"),
        (promoted(), "Settled", TRIED),
        (changed_back(), "Settled", TRIED),
        ({}, "Settled", ""),
    ],
)
def test_state(model: dict[str, Any], state: str, revision: str) -> None:
    found = seen(model)
    assert (found.state, found.revision) == (state, revision)


def test_all_that_is_shown() -> None:
    found = seen(on_trial())
    assert (found.active, found.phase, found.step, found.steps, found.share, found.traffic) == (
        STABLE,
        "Holding",
        0,
        2,
        10,
        10,
    )
    assert found.stages == (Stage(10, 60.0), Stage(50, 0.0, approval=True))
    assert found.arms == (Arm(STABLE, "Active", 90, 2, 2), Arm(TRIED, "Candidate", 10, 1, 1))
    assert found.gates[1] == Gate("ttft", "inconclusive", "54 of 100 requests", rollouts.BEGAN)
    assert found.hold_ends == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
    assert (found.has_rollout, found.paused) == (True, False)


def test_steps_of_a_spec_without_any() -> None:
    made = on_trial(steps=5)
    made["spec"]["rollout"] = {}
    assert [stage.share for stage in seen(made).stages] == [1, 5, 10, 25, 50]
    assert {stage.hold for stage in seen(made).stages} == {600.0}


def test_steps_of_a_blue_green() -> None:
    made = on_trial(step=1, share=100)
    made["spec"]["rollout"] = {"strategy": "BlueGreen", "blueGreen": {"keepPrevious": "1m"}}
    found = seen(made)
    assert [stage.share for stage in found.stages] == [0, 100]
    assert found.hold_ends == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
    made["status"]["rollout"]["steps"] = 1
    assert [stage.share for stage in seen(made).stages] == [0]


def test_a_spec_of_a_newer_version() -> None:
    made = on_trial()
    made["spec"]["rollout"] = {"strategy": "Sideways"}
    assert (seen(made).stages, seen(made).state) == ((), "Trial")


def test_steps_that_were_edited_meanwhile_are_not_shown() -> None:
    assert seen(on_trial(steps=3)).stages == ()


def test_there_is_a_time_only_while_it_holds() -> None:
    assert seen(on_trial(phase="Waiting")).hold_ends is None
    assert seen(on_trial(confirmed="soon")).hold_ends is None


SCALAR = st.none() | st.booleans() | st.integers() | st.text()
JSON = SCALAR | st.lists(SCALAR | st.dictionaries(st.sampled_from(["name", "at", "message"]), SCALAR))
FIELDS = st.sampled_from([*sorted(on_trial()["status"]["rollout"]), "windows", "history"])


@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_whatever_stands_there_is_read(fields: dict[str, Any]) -> None:
    seen(on_trial(**fields))
