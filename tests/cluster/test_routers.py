"""Asking a router Pod which configuration it runs."""

from __future__ import annotations

import httpx
import pytest

from tests.support.builders import pod
from tidegate.cluster.routers import TIMEOUT, ask
from tidegate.errors import Unavailable
from tidegate.plan.router.facts import question
from tidegate.plan.samples import RouterReport


def answer(request: httpx.Request) -> httpx.Response:
    """By the last part of the Pod's address."""
    assert request.url.port == 9092
    assert request.url.path == "/status"
    assert request.extensions["timeout"]["read"] == TIMEOUT
    said = {
        "10.0.0.1": httpx.Response(200, json={"config": "abc", "error": "", "native": True}),
        "10.0.0.2": httpx.Response(200, json={"config": "old", "error": "version: Input should be 1"}),
        "10.0.0.3": httpx.Response(500),
        "10.0.0.4": httpx.Response(200, text="<html>"),
        "10.0.0.6": httpx.Response(200, json=["no", "map"]),
        "fd00::1": httpx.Response(200, json={}),
    }
    if request.url.host not in said:
        raise httpx.ConnectError("refused")
    return said[request.url.host]


async def asked(address: str) -> RouterReport:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        return await ask(client, question(pod("p", {}, podIP=address)))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.1", RouterReport("abc", native=True)),
        ("10.0.0.2", RouterReport("old", "version: Input should be 1")),
        ("10.0.0.6", RouterReport("")),
        ("fd00::1", RouterReport("")),
    ],
)
async def test_what_a_brain_says(address: str, expected: RouterReport) -> None:
    assert await asked(address) == expected


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.0.0.3", "HTTPStatusError"),
        ("10.0.0.4", "JSONDecodeError"),
        ("10.0.0.5", "ConnectError"),
    ],
)
async def test_no_answer(address: str, why: str) -> None:
    with pytest.raises(Unavailable, match=f"^Pod shop/p: {why}$"):
        await asked(address)
