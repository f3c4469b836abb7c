"""Each row of the table in endpoints.py, and what slices look like in the wild."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.brain.endpoints import Engines
from tidegate.envoy.clusters import Endpoint


@pytest.mark.parametrize(
    ("conditions", "takes"),
    [
        ({}, True),
        ({"ready": True}, True),
        ({"ready": None}, True),
        ({"ready": False}, False),
        ({"ready": True, "terminating": True}, False),
        ({"ready": False, "serving": True, "terminating": True}, False),
    ],
)
def test_takes_requests(conditions: dict[str, Any], takes: bool) -> None:
    endpoint = {"addresses": ["10.0.0.1"], "conditions": conditions}
    assert bool(Engines().by_service([_slice("a", endpoints=[endpoint])])["a"]) is takes


def _slice(service: str, *addresses: str, **changes: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": f"{service}-x", "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "metrics", "port": 1}, {"name": "http", "port": 8000}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
    } | changes


def test_slices_of_a_service_are_joined_and_sorted() -> None:
    slices = [_slice("a", "10.0.0.2", "10.0.0.1"), _slice("a", "10.0.0.1", "10.0.0.3"), _slice("b")]
    assert Engines().by_service(slices) == {"a": tuple(Endpoint(f"10.0.0.{n}", 8000) for n in (1, 2, 3)), "b": ()}


@pytest.mark.parametrize("odd", [{"ports": None}, {"endpoints": None}, {"ports": [{"name": "http", "port": None}]}])
def test_slices_with_holes_have_no_engines(odd: dict[str, Any]) -> None:
    assert Engines().by_service([_slice("a", "10.0.0.1", **odd)]) == {"a": ()}


def _engines(seen: Engines, **conditions: dict[str, bool]) -> list[str]:
    """Which of a Service's engines get requests; they are named by the last part of their addresses."""
    endpoints = [{"addresses": [f"10.0.0.{name[1:]}"], "conditions": each} for name, each in conditions.items()]
    return [f"e{engine.address[7:]}" for engine in seen.by_service([_slice("a", endpoints=endpoints)])["a"]]


def test_engines_that_are_all_too_busy_for_their_probes_go_on() -> None:
    seen, busy, fine, leaving = Engines(), {"ready": False}, {"ready": True}, {"ready": False, "terminating": True}
    assert _engines(seen, e1=busy, e2=busy) == [], "they have never been ready"
    assert _engines(seen, e1=fine, e2=fine, e3=busy) == ["e1", "e2"]
    assert _engines(seen, e1=busy, e2=fine, e3=busy) == ["e2"], "a single one is left alone"
    assert _engines(seen, e1=busy, e2=busy, e3=busy) == ["e1", "e2"]
    assert _engines(seen, e1=busy, e2=leaving, e3=busy) == ["e1"]
    assert _engines(seen, e1=busy, e2=busy, e3=busy) == ["e1"], "one that has left is new when it comes back"
    assert _engines(seen, e1=busy, e2=busy, e3=fine) == ["e3"]
    assert _engines(seen) == []
