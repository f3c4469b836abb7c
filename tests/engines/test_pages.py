"""An engine's page of metrics, over a real socket, however its server sends it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tidegate import names
from tidegate.engines import page as engines
from tidegate.engines.metrics import Page, Unread

PADDING = "".join(f"# a line that does not count, number {n}\n" for n in range(5000))
PAGE = (
    "# vLLM\nvllm:num_requests_running 3\nvllm:num_requests_waiting 1\nvllm:kv_cache_usage_perc 0.5\n"
    f"vllm:prompt_tokens_total 7\n{PADDING}vllm:generation_tokens_total 1234567\n"
).encode()
READ = Page(3, 1, 0.5, 7.0, 1234567.0)
WHOLE, PIECES, BOMBED, MISSING = "1234"
"""Last digits of the addresses that send so."""
BOMB = gzip.compress(b"\n" * (engines.MOST * 8))


async def _page(request: web.Request) -> web.StreamResponse:
    how = (request.url.host or "")[-1]
    if how == WHOLE:
        return web.Response(body=PAGE)
    if how == BOMBED:
        return web.Response(body=BOMB, headers={"content-encoding": "gzip"})
    if how == MISSING:
        raise web.HTTPNotFound
    answer = web.StreamResponse()  # of no length that is said, as engines send it
    await answer.prepare(request)
    for begin in range(0, len(PAGE), 1 << 16):
        await answer.write(PAGE[begin : begin + (1 << 16)])
        await asyncio.sleep(0.01)
    return answer


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    made = web.Application()
    made.router.add_get("/metrics", _page)
    runner = web.AppRunner(made, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = runner.addresses[0][1]
    for digit in (PIECES, BOMBED, MISSING):
        await web.TCPSite(runner, f"127.0.0.{digit}", found).start()
    monkeypatch.setattr(names, "ENGINE_PORT", found)
    yield
    await runner.cleanup()


@pytest.mark.usefixtures("port")
@pytest.mark.parametrize(
    ("how", "wanted"),
    [(WHOLE, READ), (PIECES, READ), (BOMBED, "more than 2 MiB"), (MISSING, "answers 404")],
)
async def test_page(how: str, wanted: Page | str) -> None:
    async with aiohttp.ClientSession() as client:
        found = await engines.page(client, f"127.0.0.{how}")
    if isinstance(wanted, str):
        assert isinstance(found, Unread)
        assert found.missing.endswith(wanted)
    else:
        assert found == wanted
