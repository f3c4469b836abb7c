"""status.configuration: where the newest configuration sends requests, and where those before it did."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from tests.plan.router.test_status import ALL, ENTRY, place, say
from tests.support.builders import model, policy
from tests.support.simulation import Simulation
from tidegate.api import KINDS, bounds
from tidegate.control.terms import models_of
from tidegate.names import ROUTING_POLICY
from tidegate.plan.model.facts import RouterView, read
from tidegate.plan.router.facts import SILENT_AFTER
from tidegate.plan.world import ModelWorld

R1, R2, R3 = ({"r1": 100}, {"r2": 100}, {"r3": 100})


def switch(simulation: Simulation, revision: str) -> None:
    """The model sends its traffic to another revision."""
    simulation.models["m0"] = model("m0") | {"status": {"revisions": [ENTRY | {"name": revision}]}}


def switched(*configs: str, to: str = "r2") -> Simulation:
    """All routers ran r1; then the model switched, and they say what they run by now."""
    simulation = say(place(ENTRY), *ALL)
    simulation.run()
    switch(simulation, to)
    return say(simulation, *configs)


def where(simulation: Simulation) -> tuple[dict[str, int], dict[str, int]]:
    """Revisions that the newest configuration sends to, and those of older ones, with their weights, after a pass."""
    said = simulation.run().status["configuration"]
    backends, older = (
        {r["name"]: r["weight"] for b in said[field] for r in b["revisions"]} for field in ("backends", "older")
    )
    assert all(b["model"] == "m0" for field in ("backends", "older") for b in said[field])
    return backends, older


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        (ALL, (R2, {})),
        (("old", "old"), (R2, R1)),
        (("old", "newest"), (R2, R1)),
        (("newest",), (R2, R1)),  # the other one was not asked yet
        ((), (R2, R1)),
    ],
)
def test_older_ones_are_forgotten_when_every_router_has_left(configs: tuple[str, ...], expected: Any) -> None:
    """Models wait for it, however long a router goes on with an older configuration."""
    simulation = switched(*configs)
    for _ in range(3):
        simulation.wait("1h")
        assert where(simulation) == expected
    say(simulation, *ALL)
    assert where(simulation) == (R2, {})


def test_a_router_that_is_silent_has_left_nobody() -> None:
    simulation = switched("newest", "newest")
    simulation.silent = {"pod-1": SILENT_AFTER}
    for _ in range(3):
        simulation.wait("1h")
        assert where(simulation) == (R2, R1)
    simulation.silent = {"pod-1": SILENT_AFTER - 1}
    assert where(simulation) == (R2, {}), "one answer missed is no silence"


def test_several_switches_while_a_router_is_behind() -> None:
    simulation = switched("old", "old")
    assert where(simulation) == (R2, R1)
    switch(simulation, "r3")
    assert where(simulation) == (R3, R2 | R1)
    switch(simulation, "r1")
    assert where(simulation) == (R1, R3 | R2 | R1)
    say(simulation, *ALL)
    assert where(simulation) == (R1, {})


def test_an_operator_that_has_just_begun_takes_back_no_word() -> None:
    """It has asked nobody yet; all routers had left r1."""
    simulation = switched(*ALL)
    before = simulation.run().status["configuration"]
    assert (before["live"], before["older"]) == (2, [])
    simulation.reports = {}
    assert simulation.run().status["configuration"] == before
    say(simulation, "newest")
    assert simulation.run().status["configuration"] == before, "half of them were asked"


@pytest.mark.parametrize("reports", [(), ("newest",), ("old", "newest")])
def test_a_status_of_an_operator_that_knew_no_older_ones(reports: tuple[str, ...]) -> None:
    """Its backends are those of the last configuration that every router ran."""
    simulation = say(switched(*ALL), *reports)
    said = simulation.run().status["configuration"]
    old = {k: v for k, v in said.items() if k != "older"} | {"backends": [{"name": "to-m0", "revision": "r1"}]}
    simulation.owner = {**simulation.owner, "status": {"configuration": old}}
    for _ in range(2):
        assert where(simulation) == (R2, R1)
    say(simulation, *ALL)
    assert where(simulation) == (R2, {})


def test_a_configuration_that_is_held_back_changes_nothing() -> None:
    """Routers read less than the newest needs: they go on with r1, and the model must not take it for left."""
    simulation = say(place(ENTRY), *ALL)
    simulation.run()
    simulation.reports = {pod: replace(report, reads=0) for pod, report in simulation.reports.items()}
    switch(simulation, "r2")
    for _ in range(3):
        assert where(simulation) == (R1, {})
        assert [view(simulation).departure(r) for r in ("r1", "r2")] == ["sending", "left"]
    simulation.reports = {pod: replace(report, reads=1) for pod, report in simulation.reports.items()}
    assert where(simulation) == (R2, R1)
    assert view(simulation).departure("r1") == "sending"


def view(simulation: Simulation, name: str = "m0") -> RouterView:
    """What the model reads of the policy."""
    world = ModelWorld(model(name), simulation.defaults, policies=(simulation.owner,))
    return read(world, simulation.now).views[0]


@pytest.mark.parametrize(
    "edit",
    [
        {"routes": [{"name": "main", "models": ["chat"], "to": {"backends": [{"name": "to-m1"}, {"name": "to-m0", "weight": 0}]}}]},
        {"routes": [{"name": "main", "models": ["chat"], "to": {"backends": [{"name": "to-m1"}]}}]},
        {
            "routes": [{"name": "main", "models": ["chat"], "to": {"backends": [{"name": "to-m1"}]}}],
            "backends": [{"name": "to-m1", "modelDeploymentRef": {"name": "m1"}}],
        },
        {
            "routes": [{"name": "main", "models": ["chat"], "to": {"backends": [{"name": "to-m0"}]}}],
            "backends": [{"name": "to-m0", "modelDeploymentRef": {"name": "m1"}}],
        },
    ],
    ids=["no weight", "no route", "no backend", "another model under its name"],
)  # fmt: skip
def test_routers_that_are_behind_send_to_what_the_spec_no_longer_names(edit: dict[str, Any]) -> None:
    simulation = say(place(ENTRY, ENTRY), *ALL)
    simulation.run()
    assert view(simulation).departure("r1") == "sending"
    simulation.edit(edit)
    say(simulation, "old", "old")
    for _ in range(2):
        simulation.run()
        assert view(simulation).departure("r1") == "sending"
        assert "m0" in models_of(simulation.owner), "the model is told of what the policy's status says"
    say(simulation, "newest", "old")
    simulation.silent = {"pod-1": SILENT_AFTER}
    simulation.run()
    assert view(simulation).departure("r1") == "silent"
    simulation.silent = {}
    say(simulation, *ALL)
    simulation.run()
    assert view(simulation).departure("r1") == "left"


def test_older_ones_stay_within_bounds() -> None:
    """Whatever is renamed how often while a router is behind, the status stays one that the API server takes."""
    simulation = say(place(ENTRY, routers=2), *ALL)
    for batch in range(4):
        named = tuple(f"m{batch}-{n}" for n in range(40))
        simulation.models = {name: model(name) | {"status": {"revisions": [ENTRY]}} for name in named}
        routes = [
            {"name": f"r{n}", "models": [f"c{n}"], "to": {"backends": [{"name": f"to-{m}"} for m in named[n::4]]}}
            for n in range(4)
        ]
        simulation.owner = {**simulation.owner, "spec": policy("chat", named, routes=routes)["spec"]}
        say(simulation, "old", "old")
        status = simulation.run().status
        KINDS[ROUTING_POLICY].model_validate({**copy.deepcopy(simulation.owner), "status": status})
        assert len(status["configuration"]["backends"]) == 40
        assert len(status["configuration"]["older"]) == min(batch * 40 + 1, bounds.BACKENDS)
        assert bool(status["configuration"]["more"]) == (batch * 40 + 1 > bounds.BACKENDS)
    newest = {b["name"] for b in status["configuration"]["older"]}
    assert {f"to-m2-{n}" for n in range(40)} <= newest, "the newest of them stay"
    assert view(simulation).departure("r1") == "sending", "nobody is left who may have fallen out of the list"
    assert simulation.run().status["configuration"]["more"], "another pass does not forget it"
    say(simulation, *ALL)
    configuration = simulation.run().status["configuration"]
    assert (configuration["older"], configuration["more"]) == ([], None)
    assert view(simulation).departure("r1") == "left"


def test_revisions_of_a_backend_stay_within_bounds() -> None:
    simulation = switched("old", "old")
    for number in range(2, 2 * bounds.SENT_REVISIONS):
        switch(simulation, f"r{number}")
        backends, older = where(simulation)
    assert backends == {f"r{number}": 100}
    assert len(older) == bounds.SENT_REVISIONS
    assert f"r{number - 1}" in older
    assert "r1" not in older
    assert view(simulation).departure("r1") == "sending"
