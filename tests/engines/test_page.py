"""An engine's page over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tidegate import names
from tidegate.engines.metrics import Page, Unread, read
from tidegate.engines.page import page

PAGES = Path(__file__).parent / "pages"


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[web.Response]]:
    answers: list[web.Response] = []
    app = web.Application()

    async def metrics(_: web.Request) -> web.Response:
        return answers.pop(0)

    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(names, "ENGINE_PORT", runner.addresses[0][1])
    yield answers
    await runner.cleanup()


async def test_a_page(engine: list[web.Response]) -> None:
    text = next(iter(sorted(PAGES.iterdir()))).read_bytes()
    engine[:] = [web.Response(body=text), web.Response(text="nothing of vLLM's"), web.Response(status=404)]
    async with aiohttp.ClientSession() as client:
        found = await page(client, "127.0.0.1")
        assert isinstance(found, Page)
        assert found == read(text)
        assert await page(client, "127.0.0.1") == Unread("vllm:num_requests_running", "running")
        missing = await page(client, "127.0.0.1")
        assert isinstance(missing, Unread)
        assert missing.missing.endswith("/metrics answers 404")
        gone = await page(client, "127.0.0.2")
        assert isinstance(gone, Unread)
