"""Which revision a spec asks for: every row of the table, and what it takes to stay the same through spellings and upgrades."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import NOW, model
from tests.support.simulation import Simulation, revision_of
from tidegate.names import short_hash
from tidegate.plan.model.revisions import as_written, newest
from tidegate.plan.model.rollout import Revision

OWNER = model()
MEANING, WRITTEN = revision_of(OWNER), as_written(OWNER)


def live(name: str, identity: str = "") -> Revision:
    return Revision(name, "Active", NOW, identity)


@pytest.mark.parametrize(
    ("recorded", "kept", "expected"),
    [
        # what a live revision was made for
        ([live(MEANING)], [], MEANING),
        ([live("old1", MEANING)], [], "old1"),
        ([live("x"), live("old1", MEANING)], [WRITTEN], "old1"),
        ([live(MEANING), live(WRITTEN)], [WRITTEN], MEANING),
        # something else, and is written as a revision of old was
        ([live(WRITTEN)], [], WRITTEN),
        ([live("x")], [WRITTEN], WRITTEN),
        ([], [WRITTEN], WRITTEN),
        # something else
        ([], [], MEANING),
        ([live("x")], ["y"], MEANING),
        ([live(MEANING, "other")], [], MEANING),
    ],
)
def test_newest(recorded: list[Revision], kept: list[str], expected: str) -> None:
    assert newest(OWNER, MEANING, recorded, kept) == expected


def test_as_written() -> None:
    """As operators before 0.2 named revisions: this hash must never change."""
    text = '{"engine":{"gpus":{"count":1}},"model":{"uri":"hf://acme/llama-8b"}}'
    assert as_written(OWNER) == short_hash(text) == "9921bb71"
    assert as_written(model(replicas=5)) == as_written(OWNER)
    assert as_written(model(engine={"resources": {"requests": {"cpu": 8}}})) != as_written(
        model(engine={"resources": {"requests": {"cpu": "8"}}})
    )


def renamed(value: Any, old: str, new: str) -> Any:
    """The same with another revision's name, wherever it stands."""
    if isinstance(value, dict):
        return {key: renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(renamed(item, old, new) for item in value)
    return value.replace(old, new) if isinstance(value, str) else value


def of_old(**parts: Any) -> Simulation:
    """A model as an operator before 0.2 left it: named after its spelling, which writes out a default, and without what that
    operator did not note down."""
    source = {"servedNames": ["llama"], **parts.pop("source", {})}
    simulation = Simulation(model(source=source, **parts))
    simulation.run()
    simulation.ready("Active", 1)
    simulation.run()
    name, old = revision_of(simulation.owner), as_written(simulation.owner)
    status = renamed(simulation.owner["status"], name, old)
    for entry in status["revisions"]:
        for field in ("answered", "identity", "incompleteSince", "replicas"):
            entry.pop(field, None)
    simulation.owner = {**simulation.owner, "status": status}
    children = [renamed(child, name, old) for child in simulation.children.values()]
    simulation.children.clear()
    for child in children:
        simulation._make(child)
        key = next(
            key for key in simulation.children if (key.kind, key.name) == (child["kind"], child["metadata"]["name"])
        )
        simulation.children[key] = child
    return simulation


SPELLINGS = [
    ({"engine": {"resources": {"requests": {"cpu": 8}}}}, {"engine": {"resources": {"requests": {"cpu": "8"}}}}),
    ({}, {"engine": {"gpus": {"resourceName": "nvidia.com/gpu"}}}),
    ({}, {"engine": {"dtype": "auto"}}),
    (
        {"source": {"storage": {"claim": {"size": "50Gi"}}}},
        {"model": {"storage": {"claim": {"size": "80Gi"}}}},
    ),
    (
        {"source": {"storage": {"claim": {"size": "50Gi"}}}},
        {"model": {"storage": {"claim": {"retention": {"whenDeleted": "Retain"}}}}},
    ),
    ({}, {"engine": {"startupTimeout": "1200s"}}),
]


@pytest.mark.parametrize(("parts", "edit"), SPELLINGS)
def test_another_spelling_is_no_new_revision(parts: dict[str, Any], edit: dict[str, Any]) -> None:
    simulation = Simulation(model(**parts))
    simulation.run()
    simulation.ready("Active", 1)
    before = simulation.run().status["revisions"]
    simulation.edit(edit)
    plan = simulation.run()
    assert plan.status["revisions"] == before
    assert plan.delete == ()
    assert not [m for m in plan.apply if m["kind"] == "Deployment" and not simulation.has(m)]


@pytest.mark.parametrize(("parts", "edit"), SPELLINGS)
def test_an_upgrade_keeps_the_revision_that_is_named_after_its_spelling(
    parts: dict[str, Any], edit: dict[str, Any]
) -> None:
    """Also when the spelling changes later: what it means was noted down at the upgrade."""
    simulation = of_old(**parts)
    old, meaning = as_written(simulation.owner), revision_of(simulation.owner)
    assert old != meaning
    first = simulation.run()
    assert [(r["name"], r["role"], r["answered"]) for r in first.status["revisions"]] == [(old, "Active", True)]
    assert first.delete == ()
    assert len([m for m in first.apply if m["kind"] == "Deployment"]) == 1
    simulation.edit(edit)
    later = simulation.run()
    assert [r["name"] for r in later.status["revisions"]] == [old]
    assert later.delete == ()


def test_a_change_after_the_upgrade_is_a_new_revision() -> None:
    simulation = of_old()
    old = as_written(simulation.owner)
    simulation.run()
    simulation.edit({"model": {"uri": "hf://acme/other"}})
    plan = simulation.run()
    assert [(r["name"], r["role"]) for r in plan.status["revisions"]] == [
        (old, "Active"),
        (revision_of(simulation.owner), "Candidate"),
    ]
