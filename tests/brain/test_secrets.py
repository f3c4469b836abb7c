"""Which Secrets are watched: those that are named, each by its name and no other."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.brain.support import api_server, come_true, going
from tidegate.brain import watch
from tidegate.brain.apiserver import ApiServer
from tidegate.brain.secrets import Secrets

PATH = "/api/v1/namespaces/test/secrets"


def secret(name: str, **data: str) -> dict[str, Any]:
    """As the API server gives it."""
    return {
        "metadata": {"name": name, "resourceVersion": "5"},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


@dataclass
class Server:
    """An API server with a few Secrets, whose watches stay open and say nothing; and what the brain was told."""

    there: dict[str, dict[str, Any]]
    asked: list[str] = field(default_factory=list)
    watching: list[str] = field(default_factory=list)
    told: list[tuple[str, bool]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A list, or a watch."""
        kind, _, name = request.query["fieldSelector"].partition("=")
        assert (request.path, kind) == (PATH, "metadata.name")
        if "watch" in request.query:
            return await self._watch(request, name)
        self.asked.append(name)
        items = [self.there[name]] if name in self.there else []
        return web.json_response({"metadata": {"resourceVersion": "5"}, "items": items})

    async def _watch(self, request: web.Request, name: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.watching.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            self.watching.remove(name)
        return response

    def changed(self, name: str, found: dict[str, Any] | None) -> None:
        """What the watches call."""
        self.told.append((name, found is not None))


@asynccontextmanager
async def running(*there: dict[str, Any]) -> AsyncIterator[tuple[Server, Secrets]]:
    """Watches of a server with these Secrets."""
    server = Server({found["metadata"]["name"]: found for found in there})
    async with api_server(server.handle) as api:
        secrets = Secrets(api, "test", server.changed, server.forgotten.append)
        async with going(secrets.run()):
            yield server, secrets


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_PAUSE", 0.01)


async def test_those_that_are_named() -> None:
    async with running(secret("a", acme="k"), secret("c", other="k")) as (server, secrets):
        secrets.name({"a", "b"})
        await come_true(lambda: sorted(server.watching) == ["a", "b"])
        assert sorted(server.told) == [("a", True), ("b", False)]
        secrets.name({"a", "b"})
        await asyncio.sleep(0.05)
        assert sorted(server.asked) == ["a", "b"], "no news, no question"


async def test_one_that_is_named_no_more_is_forgotten() -> None:
    async with running(secret("a", acme="k")) as (server, secrets):
        secrets.name({"a", "b"})
        await come_true(lambda: sorted(server.watching) == ["a", "b"])
        secrets.name({"b"})
        await come_true(lambda: server.watching == ["b"])
        assert server.forgotten == ["a"]
        secrets.name({"a", "b"})
        await come_true(lambda: sorted(server.watching) == ["a", "b"])
        assert server.told.count(("a", True)) == 2, "read anew"


async def test_a_defect_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("tidegate.brain.secrets.follow", broken)
    secrets = Secrets(ApiServer("http://127.0.0.1", None), "test", lambda *_: None, lambda _: None)
    secrets.name({"a"})
    with pytest.raises(ExceptionGroup):
        await secrets.run()
    await secrets._api.close()
