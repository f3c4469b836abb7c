"""A request of ours to an engine, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from tidegate import names
from tidegate.cluster.smoke import MOST, ask
from tidegate.plan.plan import Request
from tidegate.plan.samples import Reply


async def _answer(request: web.Request) -> web.Response:
    if request.path == "/slow":
        await asyncio.sleep(30)
    if request.path == "/long":
        return web.Response(text="x" * (MOST + 9))
    return web.json_response({"method": request.method, "body": await request.text()}, status=418)


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setattr(names, "ENGINE_PORT", runner.addresses[0][1])
    yield "127.0.0.1"
    await runner.cleanup()


async def test_ask(engine: str) -> None:
    async with httpx.AsyncClient() as client:
        posted = await ask(client, Request("/v1/x", '{"a": 1}', 5.0), engine, 7.0)
        assert posted == Reply(418, '{"method": "POST", "body": "{\\"a\\": 1}"}', at=7.0)
        assert (await ask(client, Request("/health", "", 5.0), engine, 7.0)).body == '{"method": "GET", "body": ""}'
        assert len((await ask(client, Request("/long", "", 5.0), engine, 7.0)).body) == MOST
        assert await ask(client, Request("/slow", "", 0.2), engine, 7.0) == Reply(
            error="it did not answer within 0.2 s", at=7.0
        )
        monkeyed = await ask(client, Request("/x", "", 5.0), "127.0.0.1.invalid", 7.0)
        assert monkeyed.error.startswith("it could not be asked: ConnectError")


async def test_patterns(engine: str) -> None:
    async with httpx.AsyncClient() as client:

        async def unlike(pattern: str, path: str = "/health") -> str:
            return (await ask(client, Request(path, "", 5.0, pattern), engine, 7.0)).unlike

        assert await unlike('"method": ?"G.T"') == ""
        assert await unlike("POST") == "'POST' fits nowhere in the answer"
        assert await unlike("(x+x+)+y", "/long") == "'(x+x+)+y' took longer than 100 ms"
        assert (await unlike("(")).startswith("'(' is no regular expression: missing )")
