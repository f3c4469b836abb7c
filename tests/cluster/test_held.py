"""What a router says that it holds, over a real socket."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tidegate import names
from tidegate.cluster import held


@pytest.mark.parametrize(
    ("status", "says", "found"),
    [
        (200, {"held": {"llama": 2, "mistral": 0}}, {"llama": 2, "mistral": 0}),
        (200, {"held": {"llama": "2", "mistral": -1}}, {"llama": 0, "mistral": 0}),
        (200, {"held": []}, None),
        (200, [], None),
        (404, {"held": {}}, None),
    ],
)
async def test_it_is_asked(status: int, says: Any, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(says, status=status)

    app = web.Application()
    app.router.add_get("/held", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(names, "BRAIN_PORT", runner.addresses[0][1])
    async with aiohttp.ClientSession() as client:
        assert await held.ask(client, "127.0.0.1") == found
        await runner.cleanup()
        assert await held.ask(client, "127.0.0.1") is None
