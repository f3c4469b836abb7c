"""Where Envoy finds its brain."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from tests.brain.cache.test_leases import word
from tidegate.brain import sockets
from tidegate.brain.admin import Admin
from tidegate.brain.cache import admin
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.envoy import caching
from tidegate.envoy.start import Start


def test_nobody_can_purge_before_an_earlier_brains_word_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, serve = tmp_path / caching.WORD, admin.serve
    said.write_bytes((7).to_bytes(8, "big") + (1 << 62).to_bytes(8, "big"))
    words: list[tuple[int, int]] = []

    async def serves(socket: Path, asked: admin.Caching) -> web.AppRunner:
        words.append(word(said))
        return await serve(socket, asked)

    monkeypatch.setattr(admin, "serve", serves)

    async def run() -> None:
        router = Router("config", Files(Start(str(tmp_path))), Admin(tmp_path / "envoy.sock"))
        async with sockets.listening(router, tmp_path):
            assert (tmp_path / admin.SOCKET).is_socket()

    asyncio.run(run())
    [(epoch, until)] = words
    assert (epoch != 7, until < 1 << 62) == (True, True)
