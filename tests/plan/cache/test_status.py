"""The status of a tier: each row of the table, which answers count and for how long, and statuses that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import condition, existing_tier, managed_tier, owner, verdict
from tests.support.simulation import Simulation
from tidegate.names import CACHE_TIER
from tidegate.plan.cache.plan import ANSWERING_EVERY, SILENT_EVERY, plan_cache
from tidegate.plan.cache.status import OUTDATED, question
from tidegate.plan.plan import Plan
from tidegate.plan.samples import Complaint, Sample, StoreCheck

ANSWERS = StoreCheck(address="redis:6379", server="Valkey 9.1.0")
SILENT = StoreCheck(address="redis:6379", error="connection refused")
NO_SECRET = StoreCheck(missing="Secret 'redis' does not exist; create it")
NO_KEY = StoreCheck(missing="Secret 'shared-store' has no key 'password'; add it")
READY, STARTS = ("True", "False", "False"), ("False", "True", "False")
PULL = {
    "phase": "Pending",
    "containerStatuses": [{"name": "store", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}],
}


def existing(check: StoreCheck | None = None) -> Simulation:
    """A tier whose store said this."""
    simulation = Simulation(existing_tier(), check=check)
    simulation.run()
    return simulation


def managed(check: StoreCheck | None = None, pod: dict[str, Any] | None = None, *, passes: int = 2) -> Simulation:
    """A tier whose own store said this, with a Pod in this state; ready if it is empty."""
    simulation = Simulation(managed_tier(), check=check)
    for _ in range(passes):
        simulation.run()
    if pod is not None:
        simulation.router_pod("shared-store-0", pod)
    return simulation


TABLE = [
    # existing, the Secret or its key is missing
    (existing(NO_SECRET), STARTS, "SecretNotFound", "Secret 'redis' does not exist; create it"),
    # existing, silent
    (existing(SILENT), STARTS, "StoreUnreachable", "the store does not answer: connection refused"),
    (existing(), STARTS, "StoreUnreachable", "the store does not answer: it was not asked yet"),
    # existing, answers
    (existing(ANSWERS), READY, "Serving", "Valkey 9.1.0 answers at redis:6379"),
    # managed, lacks its key
    (managed(NO_KEY, {}), STARTS, "SecretNotFound", "has no key 'password'; delete the Secret, so that a new one is made"),
    (managed(NO_KEY, PULL), STARTS, "SecretNotFound", "delete the Secret"),
    (managed(NO_KEY, passes=0), STARTS, "StoreStarting", "the store starts"),  # there is none yet, and one is made
    # managed, starts
    (managed(), STARTS, "StoreStarting", "the store starts"),
    (managed(SILENT, PULL), STARTS, "ErrImagePull", "Pod shared-store-0: container store ErrImagePull: not found"),
    (managed(SILENT, {}), STARTS, "StoreStarting", "the store starts"),
    (managed(ANSWERS), STARTS, "StoreStarting", "the store starts"),  # its Pod has ended since
    (managed(ANSWERS, PULL), STARTS, "ErrImagePull", "not found"),
    # managed, answers
    (managed(ANSWERS, {}), READY, "Serving", "Valkey 9.1.0 answers at redis:6379"),
]  # fmt: skip


@pytest.mark.parametrize(("simulation", "statuses", "reason", "message"), TABLE)
def test_verdict(simulation: Simulation, statuses: tuple[str, str, str], reason: str, message: str) -> None:
    status = simulation.plan().status
    said = condition(status, "Ready")
    assert verdict(status) == statuses
    assert said["reason"] == reason
    assert message in said["message"]


@pytest.mark.parametrize(
    ("simulation", "resolved"),
    [
        (existing(NO_SECRET), "False"),
        (existing(ANSWERS), "True"),
        (existing(SILENT), "True"),
        (managed(NO_KEY), "True"),
    ],
)
def test_references(simulation: Simulation, resolved: str) -> None:
    assert condition(simulation.plan().status, "ResolvedRefs")["status"] == resolved


def test_events_of_what_makes_the_pod() -> None:
    simulation = managed()
    simulation.complaints["shared-store"] = Complaint("FailedCreate", "exceeded quota")
    assert condition(simulation.run().status, "Reconciling")["message"] == "exceeded quota"


def heard(owner: dict[str, Any], asked_of: dict[str, Any], sample: Sample) -> Plan:
    """The plan of an existing store after an answer to a question that was asked of another state of the tier."""
    world = replace(Simulation(owner).cache_world(), samples={question(asked_of): sample})
    return plan_cache(world, Simulation(owner).now)


@pytest.mark.parametrize(("change", "counts"), [({}, True), ({"generation": 2}, False), ({"uid": "another"}, False)])
def test_an_answer_about_another_state_of_the_tier_is_none(change: dict[str, Any], counts: bool) -> None:
    """The spec names another store by now, or the tier was deleted and made again."""
    before, now = existing_tier(), existing_tier()
    now["metadata"] |= change
    plan = heard(now, before, Sample(ANSWERS, 1.0))
    assert verdict(plan.status) == (READY if counts else STARTS)
    assert plan.status["version"] == (ANSWERS.server if counts else "")
    assert plan.ask == {question(now): ANSWERING_EVERY if counts else SILENT_EVERY}


@pytest.mark.parametrize(
    ("sample", "counts"),
    [
        (Sample(ANSWERS, 1.0), True),
        (Sample(ANSWERS, 10 * OUTDATED), True),  # asked once a minute, and never contradicted
        (Sample(ANSWERS, 10 * OUTDATED, "no answer", OUTDATED - 1), True),
        (Sample(ANSWERS, OUTDATED, "no answer", OUTDATED), False),
        (Sample(None, 0.0, "no answer", 1.0), False),
        (Sample(Complaint("x", "y"), 0.0), False),
    ],
)
def test_for_how_long_an_answer_counts(sample: Sample, counts: bool) -> None:
    """While the question cannot even be asked: the Secret cannot be read, say."""
    status = heard(existing_tier(), existing_tier(), sample).status
    assert verdict(status) == (READY if counts else STARTS)
    if not counts:
        expected = sample.error or "it was not asked yet"
        assert condition(status, "Ready")["message"] == f"the store does not answer: {expected}"


GARBAGE: list[Any] = [
    None,
    {},
    {"added": {"by": ["a newer operator"]}},
    {"address": 7, "version": [], "conditions": "?", "observedGeneration": "x"},
    {"conditions": [None, {}, "?", {"type": "Ready"}, {"type": 7, "status": True}]},
    {"conditions": [{"type": "Stalled", "status": "True"}, {"type": "Ready", "status": "?", "lastTransitionTime": 1}]},
]


@pytest.mark.parametrize("status", GARBAGE)
@pytest.mark.parametrize("simulation", [existing(ANSWERS), managed(ANSWERS, {})], ids=["existing", "managed"])
def test_a_status_of_another_version_is_read_past(simulation: Simulation, status: Any) -> None:
    simulation = replace(simulation, owner={**simulation.owner, "status": status})
    plan = simulation.plan()
    assert verdict(plan.status) == READY
    assert plan.delete == ()
    assert plan.status["version"] == ANSWERS.server
    assert all(isinstance(c["lastTransitionTime"], str) for c in plan.status["conditions"])


def test_a_tier_without_a_store_is_ready_and_asks_nothing() -> None:
    simulation = Simulation(owner(CACHE_TIER, "shared", {"memory": {}}))
    plan = simulation.run()
    assert verdict(plan.status) == READY
    assert "each router keeps answers in its own memory" in condition(plan.status, "Ready")["message"]
    assert (plan.apply, plan.ask, plan.again) == ((), {}, False)
