"""Envoy's admin socket when Envoy is not well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tidegate.brain import admin
from tidegate.brain.admin import Admin, Gone, Silent


@asynccontextmanager
async def _envoy(socket: Path, *, says: bytes | None) -> AsyncIterator[Admin]:
    """One that answers every request with these bytes; None hangs."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if says is None:
            await reader.read()
        else:
            writer.write(says)
        writer.close()

    server = await asyncio.start_unix_server(serve, socket)
    asked = Admin(socket)
    try:
        yield asked
    finally:
        await asked.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("exists", [False, True])
async def test_nobody_listens(exists: bool, tmp_path: Path) -> None:
    socket = tmp_path / "admin.sock"
    if exists:
        async with _envoy(socket, says=b""):
            pass
    asked = Admin(socket)
    with pytest.raises(Gone):
        await asked.read()
    await asked.close()


@pytest.mark.parametrize("says", [None, b"", b"HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n"])
async def test_it_is_there_but_does_not_answer(
    says: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "TIMEOUT", 0.2)
    async with _envoy(tmp_path / "admin.sock", says=says) as asked:
        with pytest.raises(Silent) as raised:
            await asked.read()
        assert not isinstance(raised.value, Gone)
