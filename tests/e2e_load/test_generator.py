"""The generator counts what it should: against a server of a few lines that does as it is told."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from e2e.load.conntrack import IP_SOURCE, NEW, TUPLE_IP, TUPLE_REPLY, _attribute, _reply_source
from e2e.load.generator import REUSE, Generator, Unreached, Wanted
from e2e.load.heavy import start
from e2e.load.report import Failure, Line, Tally, middle_and_tail
from tests.engine_sim.support import running

WANTED = Wanted(addresses=(), model="tiny", streams=4, rate=40, tokens=5, silence=0.6)
OK = b"HTTP/1.1 200 OK\r\nx-tidegate-backend: small\r\nx-tidegate-revision: r1\r\nx-engine-sim: pod-1\r\n"
WHOLE = OK + b"content-length: 14\r\n\r\ndata: [DONE]\n\n"


@dataclass
class Server:
    """Answers every request with the same bytes."""

    answer: bytes = WHOLE
    hang_up: bool = False
    connections: int = 0
    begun: list[asyncio.BaseTransport] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.begun.append(writer.transport)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split()[1]))
                self.requests.append(time.monotonic())
                writer.write(self.answer)
                if self.hang_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[Wanted]:
    """What to ask for."""
    made = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    yield replace(WANTED, addresses=(made.sockets[0].getsockname(),))
    made.close()
    for transport in server.begun:
        transport.close()  # the other side has gone, which this one may not have read yet
    await asyncio.sleep(0)


def answered(tally: Tally) -> int:
    """Requests that have ended."""
    return sum(tally.answers.values())


async def load(wanted: Wanted, enough: Callable[[Tally], bool] = lambda tally: answered(tally) > 20) -> Tally:
    """What a load tells that goes on until it has seen enough, however long that takes."""
    lines: list[Line] = []
    generator = Generator(wanted, lines.append)
    going = asyncio.create_task(generator.run())
    async with asyncio.timeout(30):
        while not enough(generator.tally):
            await asyncio.sleep(0.01)
    generator.stop()
    await going
    tally = Tally()
    for line in lines:
        tally.take(line)
    return tally


async def test_all_is_well() -> None:
    server = Server()
    async with listening(server) as wanted:
        begin = time.monotonic()
        tally = await load(replace(wanted, streams=0), lambda tally: answered(tally) >= 35)
        took = time.monotonic() - begin
    total = answered(tally)
    assert (tally.failed, tally.cut, tally.failures, tally.streams) == (0, 0, [], 0)
    assert 35 <= total <= WANTED.rate * took + 1, "no more than the rate"
    assert tally.engines == {"pod-1": total}
    assert tally.backends == {"small": total}
    assert tally.revisions == {"r1": total}
    assert tally.routers == {"127.0.0.1": total}
    assert total / REUSE <= server.connections <= total / REUSE + 2, "connections are kept, but not for ever"
    assert len(tally.first_byte["short"]) == 2


async def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    server = Server(OK + b"connection: close\r\ncontent-length: 14\r\n\r\ndata: [DONE]\n\n")
    async with listening(server) as wanted:
        tally = await load(wanted)
    assert tally.failed == tally.cut == 0
    assert server.connections == len(server.requests) > 20


@pytest.mark.parametrize("broken", [b"content-length: 99", b"content-length: 9"])
async def test_streams_without_their_end_are_cut(broken: bytes) -> None:
    answer = OK + b"connection: close\r\n" + broken + b"\r\n\r\ndata: 1\n\n"
    async with listening(Server(answer, hang_up=True)) as wanted:
        tally = await load(wanted, lambda tally: tally.cut > 4)
    streams = [failure for failure in tally.failures if failure.kind == "stream"]
    assert tally.cut == len(streams) > 4
    assert {(failure.cut, failure.engine, failure.fresh) for failure in streams} == {(True, "pod-1", True)}


async def test_errors_say_what_they_were() -> None:
    async with listening(Server(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy")) as wanted:
        tally = await load(wanted)
    assert tally.answers.keys() == {503}
    assert tally.failed == len(tally.failures) > 20
    assert tally.cut == 0
    assert {failure.what for failure in tally.failures} == {"503 busy"}


async def test_no_answer_at_all() -> None:
    async with listening(Server(b"", hang_up=True)) as wanted:
        tally = await load(wanted)
    assert tally.answers.keys() == {0}
    assert {failure.what for failure in tally.failures} == {"the connection was closed"}


async def test_silence_is_given_up() -> None:
    server = Server(OK + b"content-length: 9\r\n\r\n")
    async with listening(server) as wanted:
        tally = await load(replace(wanted, streams=1, rate=5), lambda _: len(server.requests) > 2)
    assert {failure.what for failure in tally.failures} == {"silent for 1 s"}
    kinds = Counter(failure.kind for failure in tally.failures)
    assert (tally.cut, tally.failed) == (kinds["stream"], kinds["short"]), "streams had begun, short answers are none"
    assert kinds.total() == len(server.requests)
    assert min(kinds["stream"], kinds["short"]) > 0
    assert all(0.6 <= failure.at - failure.began < 60 for failure in tally.failures)


async def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        tally = await load(replace(WANTED, addresses=(probe.getsockname(),)), lambda tally: bool(answered(tally)))
    assert tally.answers.keys() == {0}
    assert {(failure.router, failure.engine, failure.fresh) for failure in tally.failures} == {("", "", True)}
    assert "ConnectionRefused" in tally.failures[0].what


async def test_a_service_that_begins_a_moment_later() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
        generator = Generator(replace(WANTED, addresses=(address,)), lambda _: None)
        with pytest.raises(Unreached):
            await generator.reach(0.1)
    reached = asyncio.create_task(generator.reach())
    await asyncio.sleep(0)
    with socket.create_server(address):
        await reached
        generator.stop()
        await generator.run()


def test_the_program_against_an_engine() -> None:
    with running("--served-model-name", "tiny", SIGN=1, DECODE_MS=10) as sim:
        argv = [sys.executable, "-m", "e2e.load", f"127.0.0.1:{sim.port}", "--model=tiny", "--streams=20", "--rate=50"]
        with start(argv, Tally()) as tally:
            deadline = time.monotonic() + 60
            while (tally.streams < 20 or tally.answers[200] <= 60) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert tally.streams == 20
    assert (tally.failed, tally.cut, tally.streams) == (0, 0, 0)
    assert tally.answers[200] > 60
    assert tally.engines == {socket.gethostname(): tally.answers[200]}
    assert tally.first_byte.keys() == {"stream", "short"}


def test_the_kernels_answer() -> None:
    pod = _attribute(IP_SOURCE, socket.inet_aton("10.244.1.7"))
    body = b"\2\0\0\0" + _attribute(TUPLE_REPLY | 0x8000, _attribute(TUPLE_IP | 0x8000, pod))
    head = (16 + len(body)).to_bytes(4, sys.byteorder)
    assert _reply_source(head + NEW.to_bytes(2, sys.byteorder) + b"\0" * 10 + body) == "10.244.1.7"
    assert _reply_source(head + (2).to_bytes(2, sys.byteorder) + b"\0" * 14) == "", "an error: it knows none"


def test_a_tally_crosses_the_pipe() -> None:
    sent = Tally(cut=1, streams=3)
    sent.answers[200] += 2
    sent.answers[503] += 1
    got = Tally()
    failure = Failure(2.0, 1.0, "short", False, "503 busy", "10.0.0.1", "", True)
    got.take({"tally": sent.lines()})
    got.take({"failure": vars(failure)})
    assert (got.answers, got.cut, got.streams, got.failed, got.failures) == ({200: 2, 503: 1}, 1, 3, 1, [failure])


def test_middle_and_tail() -> None:
    assert middle_and_tail([1.0]) == []
    assert middle_and_tail(float(n) for n in range(1, 100)) == [50.0, 99.0]
