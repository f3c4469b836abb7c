"""Whether the routers have their native filters: each row of the table, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, condition, policy
from tests.support.simulation import Simulation
from tidegate.plan.containers import NATIVE_ENVOY
from tidegate.plan.samples import RouterReport

TESTED, OTHER = "envoyproxy/envoy:v1.40.2", "envoyproxy/envoy:v1.41.0"


def place(image: str, *native: bool | None, **spec: Any) -> Simulation:
    """Routers of this Envoy, and what each says of its filters."""
    simulation = Simulation(policy(**spec), replace(DEFAULTS, envoy_image=image))
    simulation.run()
    simulation.run()
    for number, has in enumerate(native):
        simulation.router_pod(f"pod-{number}")
        simulation.reports[f"pod-{number}"] = RouterReport("x", native=has)
    return simulation


def rendered_before(simulation: Simulation) -> Simulation:
    """By an operator that knew no native filters."""
    key = next(key for key in simulation.children if key.kind == "ControllerRevision")
    for container in simulation.children[key]["data"]["template"]["spec"]["initContainers"]:
        container["args"].remove("--native")
    return simulation


@pytest.mark.parametrize(
    ("simulation", "status", "reason", "message"),
    [
        (place(OTHER), "False", "EnvoyUntested", f"image of Envoy is {OTHER}, .* tested with 1.40: install"),
        (place(OTHER, False, False), "False", "EnvoyUntested", "without them Lua finds models; .* tokens are not counted$"),
        (rendered_before(place(TESTED)), "False", "AdoptedWithNextRevision", "the next change of spec.router"),
        (place(TESTED, True, False), "False", "FiltersMissing", "router pod-1 has none: .* built without Rust"),
        (place(TESTED), "True", "AsSpecified", "^$"),
        (place(TESTED, True, True), "True", "AsSpecified", "^$"),
        (place(TESTED, None), "True", "AsSpecified", "^$"),
    ],
)  # fmt: skip
def test_each_row(simulation: Simulation, status: str, reason: str, message: str) -> None:
    found = condition(simulation.plan().status, "NativeFilters")
    assert (found["status"], found["reason"]) == (status, reason)
    assert re.search(message, found["message"])


@pytest.mark.parametrize(("first_token", "told"), [("0s", False), ("2s", True)])
def test_a_limit_that_nobody_keeps_is_named(first_token: str, told: bool) -> None:
    timeouts = {"firstToken": first_token}
    found = condition(place(OTHER, timeouts=timeouts).plan().status, "NativeFilters")
    assert ("firstToken is not honoured" in found["message"]) is told
    assert condition(place(TESTED, timeouts=timeouts).plan().status, "NativeFilters")["status"] == "True"


@pytest.mark.parametrize(
    ("image", "tested"),
    [
        ("envoyproxy/envoy:v1.40.0", True),
        ("registry.example.com/envoy:1.40-latest", True),
        ("envoyproxy/envoy:v1.40", True),
        ("envoyproxy/envoy:v1.4", False),
        ("envoyproxy/envoy:v1.401.0", False),
        ("envoyproxy/envoy:latest", False),
    ],
)
def test_images(image: str, tested: bool) -> None:
    assert bool(NATIVE_ENVOY.search(image)) is tested
