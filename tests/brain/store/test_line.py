"""A connection that is kept, whoever answers at the other end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.brain.store.conftest import Valkey
from tests.brain.store.support import becomes
from tidegate.brain.store.line import Line, Use
from tidegate.brain.store.resp import Away
from tidegate.brain.store.where import Where

BUSY = Use("it is tried", timeout=0.05)


@asynccontextmanager
async def kept(line: Line) -> AsyncIterator[Line]:
    """While it is kept connected."""
    task = asyncio.create_task(line.run())
    try:
        yield line
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)  # the socket is closed


@asynccontextmanager
async def saying(answer: Callable[[bytes], bytes]) -> AsyncIterator[int]:
    """A server that answers whatever it reads at once; its port."""

    begun: list[asyncio.BaseTransport] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(writer.transport)
        while asked := await reader.read(65536):
            writer.write(answer(asked))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for transport in begun:
        transport.close()  # the other side has gone, which this one may not have read yet
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "not an answer"), (b"*1\r\n" * 5000 + b":1\r\n", "more levels")],
)
async def test_one_whose_answers_are_none(answer: bytes, trouble: str) -> None:
    async with (
        saying(lambda _: answer) as port,
        kept(Line(Where("127.0.0.1", port, password="x"), BUSY, lambda: 0.0)) as line,
    ):
        await becomes(lambda: trouble in line.trouble)
        assert not line.ready
        with pytest.raises(Away):
            await line.send("PING")


async def test_a_loop_that_was_busy_itself_reads_before_it_says_that_nobody_answered() -> None:
    async with saying(lambda _: b"+PONG\r\n") as port, kept(Line(Where("127.0.0.1", port), BUSY, lambda: 0.0)) as line:
        await becomes(lambda: line.ready)
        asked = line.send("PING")
        await asyncio.sleep(0.02)
        again = line.send("PING")
        time.sleep(0.1)  # noqa: ASYNC251 - what is tested
        assert await asked == b"PONG"
        assert await again == b"PONG"


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
async def test_the_node_of_a_cluster_that_has_the_keys_is_asked(valkey: Valkey, host: str) -> None:
    def moved(asked: bytes) -> bytes:
        return b"+OK\r\n" if b"AUTH" in asked else b"-MOVED 3999 %b:%d\r\n" % (host.encode(), valkey.where.port)

    async with saying(moved) as port:
        where = Where("127.0.0.1", port, password=valkey.where.password)
        gone: list[str] = []
        async with kept(
            Line(where, Use("it is tried", timeout=10, key="{a}:b"), lambda: 0.0, gone=gone.append)
        ) as line:
            await becomes(lambda: line.ready)
            assert await line.send("SET", "{a}:b", "1") == b"OK"
            assert [why for why in gone if "MOVED" not in why] == []
            valkey.die()
            await becomes(lambda: not line.ready)
            valkey.start()
            await becomes(lambda: line.ready)
            assert await line.send("GET", "{a}:b") is None


async def test_a_node_without_the_keys_is_left_after_the_first_question(valkey: Valkey) -> None:
    """Where no key is known before, as of limits."""

    def moved(asked: bytes) -> bytes:
        return b"+OK\r\n" if b"AUTH" in asked else b"-MOVED 3999 127.0.0.1:%d\r\n" % valkey.where.port

    async with saying(moved) as port:
        where = Where("127.0.0.1", port, password=valkey.where.password)
        async with kept(Line(where, Use("it is tried", timeout=10), lambda: 0.0)) as line:
            await becomes(lambda: line.ready)
            with pytest.raises(Away, match="MOVED"):
                await line.send("GET", "{a}:b")
            await becomes(lambda: line.ready)
            assert await line.send("GET", "{a}:b") is None


async def test_two_nodes_that_send_to_each_other_are_asked_with_pauses() -> None:
    asked: list[bytes] = []
    ports: list[int] = []

    def there(words: bytes) -> bytes:
        asked.append(words)
        return b"-MOVED 1 127.0.0.1:%d\r\n" % ports[0]

    async with saying(there) as port:
        ports.append(port)
        async with kept(Line(Where("127.0.0.1", port), Use("it is tried", key="k"), lambda: 0.0)) as line:
            await becomes(lambda: len(asked) > 2)
            await asyncio.sleep(0.2)
            assert len(asked) < 8
            assert "MOVED" in line.trouble
