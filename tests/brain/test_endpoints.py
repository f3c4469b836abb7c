"""Each row of the table in endpoints.py, and what slices look like in the wild."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.brain.endpoints import by_service, takes_requests
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
    assert takes_requests(conditions) is takes


def _slice(service: str, *addresses: str, **changes: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": f"{service}-x", "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "metrics", "port": 1}, {"name": "http", "port": 8000}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
    } | changes


def test_slices_of_a_service_are_joined_and_sorted() -> None:
    slices = [_slice("a", "10.0.0.2", "10.0.0.1"), _slice("a", "10.0.0.1", "10.0.0.3"), _slice("b")]
    assert by_service(slices) == {"a": tuple(Endpoint(f"10.0.0.{n}", 8000) for n in (1, 2, 3)), "b": ()}


@pytest.mark.parametrize("odd", [{"ports": None}, {"endpoints": None}, {"ports": [{"name": "http", "port": None}]}])
def test_slices_with_holes_have_no_engines(odd: dict[str, Any]) -> None:
    assert by_service([_slice("a", "10.0.0.1", **odd)]) == {"a": ()}
