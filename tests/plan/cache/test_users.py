"""Who uses a tier: policies whose routes name it, with what their statuses say of it, as far as that can be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import cached, existing_tier, policy
from tests.support.simulation import Simulation
from tidegate.plan.cache.users import cached_in

USE: dict[str, Any] = {
    "name": "shared",
    "entries": 7,
    "size": "1Mi",
    "semanticHits": 2,
    "exactOnly": True,
    "falseHits": "3% of 9",
}


def told(*policies: dict[str, Any]) -> Any:
    """`policies` of the tier's status."""
    simulation = Simulation(existing_tier())
    simulation.policies += policies
    return simulation.plan().status.get("policies")


def test_nobody() -> None:
    assert told(policy("counts", storeRef={"name": "shared"}), cached(policy("else"), "other")) is None


@pytest.mark.parametrize(
    ("said", "use"),
    [
        (None, {}),
        ({"caches": [USE]}, {key: value for key, value in USE.items() if key != "name"}),
        ({"caches": [USE | {"name": "other"}]}, {}),
        ({"caches": [{"name": "shared", "entries": "many", "size": 7, "exactOnly": "no", "semanticHits": -1}]}, {}),
        ({"caches": "x"}, {}),
    ],
)
def test_what_a_policy_says(said: Any, use: dict[str, Any]) -> None:
    assert told(cached(policy("chat")) | {"status": said}) == [{"name": "chat"} | use]


def test_sorted_and_as_many_as_a_status_holds() -> None:
    found = told(*(cached(policy(f"p{number:02}")) for number in reversed(range(70))))
    assert [use["name"] for use in found] == [f"p{number:02}" for number in range(64)]


def test_routes_that_nobody_can_read_name_nothing() -> None:
    assert cached_in({"spec": {"routes": ["x", {"cache": "y"}, {"cache": {"cacheTierRef": 3}}]}}) == set()
