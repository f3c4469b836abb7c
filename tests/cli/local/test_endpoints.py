"""What the command line says of engines, and what engines say of themselves."""

from __future__ import annotations

import httpx
import pytest

from tidegate.brain.endpoints import Engines
from tidegate.cli.local.endpoints import Endpoint, WrongEndpoint, asked, endpoint_slice, parsed
from tidegate.envoy.clusters import Endpoint as Found

SMALL = Endpoint("small", "http://127.0.0.1:8000", "127.0.0.1", 8000)


def test_parsed() -> None:
    assert parsed(["small=http://127.0.0.1:8000/"]) == (SMALL,)
    assert parsed(["a=http://127.0.0.1", "a=http://[::1]:9"]) == (
        Endpoint("a", "http://127.0.0.1", "127.0.0.1", 80),
        Endpoint("a", "http://[::1]:9", "::1", 9),
    )


@pytest.mark.parametrize(
    "written",
    [
        "small",
        "=http://127.0.0.1",
        "small=127.0.0.1:8000",
        "small=https://h",
        "small=http://",
        "small=http://127.0.0.1/v1",
        "a=http://127.0.0.1:x",
        "a=http://no.such.host.invalid",
    ],
)
def test_wrong(written: str) -> None:
    with pytest.raises(WrongEndpoint, match=r"^--endpoint "):
        parsed([written])


@pytest.mark.parametrize(
    ("answer", "models"),
    [
        (httpx.Response(200, json={"data": [{"id": "org/m"}, {"id": "lora"}, {}]}), ("org/m", "lora")),
        (httpx.Response(200, text="<html>"), ()),
        (httpx.Response(200, json=[]), ()),
        (httpx.Response(503), ()),
    ],
)
async def test_asked(answer: httpx.Response, models: tuple[str, ...]) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        assert (await asked(client, SMALL)).models == models


def test_slices_are_read_as_a_clusters_are() -> None:
    assert Engines().by_service([endpoint_slice(SMALL, "svc")]) == {"svc": (Found("127.0.0.1", 8000),)}
