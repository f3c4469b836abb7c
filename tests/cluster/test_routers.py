"""Asking router Pods which configuration they run."""

from __future__ import annotations

import httpx
import pytest

from tests.support.builders import pod
from tidegate.cluster.routers import reports
from tidegate.plan.world import RouterReport


def answer(request: httpx.Request) -> httpx.Response:
    """By the last part of the Pod's address."""
    assert request.url.port == 9092
    assert request.url.path == "/status"
    said = {
        "10.0.0.1": httpx.Response(200, json={"config": "abc", "error": ""}),
        "10.0.0.2": httpx.Response(200, json={"config": "old", "error": "version: Input should be 1"}),
        "10.0.0.3": httpx.Response(500),
        "10.0.0.4": httpx.Response(200, text="<html>"),
        "fd00::1": httpx.Response(200, json={}),
    }
    if request.url.host not in said:
        raise httpx.ConnectError("refused")
    return said[request.url.host]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.1", RouterReport("p", "abc")),
        ("10.0.0.2", RouterReport("p", "old", "version: Input should be 1")),
        ("10.0.0.3", None),
        ("10.0.0.4", None),
        ("10.0.0.5", None),
        ("fd00::1", RouterReport("p", "")),
    ],
)
async def test_reports(address: str, expected: RouterReport | None) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        found = await reports(client, [pod("p", {}, podIP=address)])
    assert found == ((expected,) if expected else ())


async def test_only_ready_pods_are_asked() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        assert await reports(client, [pod("p", {}, ready=False, podIP="10.0.0.1")]) == ()
