"""What is not ours, or is on its way out, takes no traffic, and no engine goes for it."""

from __future__ import annotations

from typing import Any

from tests.support.builders import condition, model
from tests.support.simulation import Simulation
from tidegate import names
from tidegate.plan.plan import ObjectKey


def switching() -> tuple[Simulation, str]:
    """One revision serves, and another one begins; returns the one that serves."""
    simulation = Simulation(model(replicas=1))
    simulation.run()
    simulation.ready("Active", 1)
    simulation.settle()
    old = simulation.revision("Active")
    simulation.edit({"model": {"uri": "hf://acme/other"}})
    simulation.run()
    return simulation, old


def service(revision: str) -> ObjectKey:
    return ObjectKey("v1", "Service", "shop", names.engines_service("llama", revision, "Deployment"))


def deployment(revision: str) -> ObjectKey:
    return ObjectKey("apps/v1", "Deployment", "shop", names.revision_name("llama", revision))


def test_a_revision_whose_service_is_somebody_elses_takes_no_traffic() -> None:
    simulation, old = switching()
    mine = simulation.children.pop(service(simulation.revision("Candidate")))
    simulation.ready("Candidate", 1)
    plan = simulation.plan()
    assert (plan.status["activeRevision"], plan.delete) == (old, ())
    simulation.children[ObjectKey.of(mine)] = mine
    assert simulation.plan().status["activeRevision"] != old


def test_a_model_that_routers_do_not_find_is_not_ready() -> None:
    simulation, old = switching()
    simulation.edit({"model": {"uri": "hf://acme/llama-8b"}})
    simulation.settle()
    assert condition(simulation.plan().status, "Ready")["status"] == "True"
    del simulation.children[service(old)]
    assert condition(simulation.plan().status, "Ready")["status"] == "False"


def test_a_workload_that_is_being_deleted_is_no_engine() -> None:
    """A foreign finalizer holds it, its Pod still answers, and it will take it along."""
    simulation, old = switching()
    new = simulation.revision("Candidate")
    simulation.ready("Candidate", 1)
    simulation.settle()
    leaving: dict[str, Any] = simulation.children.get(deployment(old)) or dict(simulation.children[deployment(new)])
    leaving = {**leaving, "status": {"replicas": 1, "readyReplicas": 1}}
    leaving["metadata"] = {**leaving["metadata"], "name": f"llama-{old}", "deletionTimestamp": "2026-03-01T12:00:00Z"}
    leaving["metadata"]["labels"] = {**leaving["metadata"]["labels"], names.REVISION_LABEL: old}
    simulation.children[deployment(old)] = leaving
    simulation.edit({"model": {"uri": "hf://acme/llama-8b"}})
    plan = simulation.plan()
    assert plan.status["activeRevision"] == new
    assert deployment(new) not in plan.delete
