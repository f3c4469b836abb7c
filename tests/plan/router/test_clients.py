"""Clients with keys: each row of the table, what is said of Secrets, and how soon it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, condition, model, policy, verdict
from tests.support.simulation import Simulation
from tidegate.contract.router_config import load
from tidegate.names import ROUTER_CONFIG_KEY
from tidegate.plan.plan import Plan
from tidegate.plan.samples import RouterReport

ENTRY = {"name": "r1", "role": "Active", "traffic": 100, "readyReplicas": 1, "servedNames": ["llama"], "adapters": []}
KEYS: dict[str, Any] = {"apiKeys": {"secretRefs": [{"name": "apps"}, {"name": "people"}]}}
ANYBODY: dict[str, Any] = {"anonymous": {}}
MISSING = "Secret 'people' does not exist"


def planned(auth: dict[str, Any], image: str = "envoy:v1.40.0", **said: Any) -> Plan:
    """Two routers that run the newest configuration; `said` is what they say besides."""
    simulation = Simulation(policy(auth=auth), replace(DEFAULTS, envoy_image=image))
    simulation.models["llama"] = model() | {"status": {"revisions": [ENTRY]}}
    simulation.run()
    simulation.run()
    for pod in ("pod-0", "pod-1"):
        simulation.router_pod(pod)
    for _ in range(2):
        newest = simulation.plan().status["configuration"]["hash"]
        simulation.reports = {pod: RouterReport(newest, **{"reads": 3} | said) for pod in ("pod-0", "pod-1")}
    return simulation.plan()


READY, STALLED = ("True", "False", "False"), ("False", "False", "True")


@pytest.mark.parametrize(
    ("plan", "statuses", "reason", "message"),
    [
        (planned(ANYBODY, reads=2), READY, "Serving", "2 of 2 routers answer"),
        (planned(ANYBODY, image="envoy:v1.41.0"), READY, "Serving", "2 of 2 routers answer"),
        (planned(KEYS, reads=2), STALLED, "RoutersOutdated", "they answer 503, because they would let everybody in"),
        (planned(KEYS, image="envoy:v1.41.0"), STALLED, "EnvoyUntested", "the native filters are tested with 1.40"),
        (planned(KEYS, native=False), STALLED, "FiltersMissing", "router pod-0 has none"),
        (planned(KEYS, native=True), READY, "Serving", "2 of 2 routers answer"),
        (planned(KEYS, keys=(MISSING,)), READY, "Serving", f"2 of 2 routers answer; {MISSING}"),
    ],
)
def test_each_row(plan: Plan, statuses: tuple[str, str, str], reason: str, message: str) -> None:
    assert verdict(plan.status) == statuses
    found = condition(plan.status, "Ready")
    assert (found["reason"], message in found["message"]) == (reason, True), found


def test_on_lua_the_filters_condition_says_so() -> None:
    said = condition(planned(KEYS, image="envoy:v1.41.0").status, "NativeFilters")["message"]
    assert "everybody is answered 503, because Lua knows no clients" in said
    assert "apiKeys" not in condition(planned(ANYBODY, image="envoy:v1.41.0").status, "NativeFilters")["message"]


@pytest.mark.parametrize(("auth", "reads", "closed"), [(KEYS, 3, False), (KEYS, 2, True), (ANYBODY, 2, False)])
def test_routers_that_would_let_everybody_in_get_routes_that_nobody_answers(
    auth: dict[str, Any], reads: int, closed: bool
) -> None:
    written = next(m for m in planned(auth, reads=reads).apply if m["kind"] == "ConfigMap")["data"][ROUTER_CONFIG_KEY]
    told = load(written)
    assert all(bool(route.targets) is not closed for route in told.routes)
    assert told.min_reader <= reads


def test_what_routers_say_of_secrets() -> None:
    said = condition(planned(KEYS, keys=(MISSING,)).status, "ResolvedRefs")
    assert (said["status"], said["reason"], said["message"]) == ("False", "KeysUnusable", MISSING)
    assert condition(planned(ANYBODY, keys=(MISSING,)).status, "ResolvedRefs")["status"] == "True", "of before"


@pytest.mark.parametrize(("auth", "named"), [(KEYS, ["apps", "people"]), (ANYBODY, [])])
def test_routers_may_read_what_is_named(auth: dict[str, Any], named: list[str]) -> None:
    role = next(m for m in planned(auth).apply if m["kind"] == "Role")
    assert [
        name for rule in role["rules"] if rule["resources"] == ["secrets"] for name in rule["resourceNames"]
    ] == named


@pytest.mark.parametrize(("auth", "seconds"), [(KEYS, {5.0}), (ANYBODY, {60.0})])
def test_secrets_change_without_us(auth: dict[str, Any], seconds: set[float]) -> None:
    assert set(planned(auth).ask.values()) == seconds
