"""Requests against the real engine: every answer is looked at."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.router import clock, engine
from benchmarks.router.flight import Connection, Expected, Flight, WrongAnswer, expected
from benchmarks.router.workloads import WORKLOADS, events, json_answer


@asynccontextmanager
async def connections(count: int) -> AsyncIterator[list[Connection]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(engine.Connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.transport.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("workload", "body"),
    [("json", json_answer()), ("last", json_answer()), ("burst", b"".join(events())), ("paced", b"".join(events()))],
)
async def test_right_answers_count(workload: str, body: bytes) -> None:
    async with connections(3) as made:
        flight = Flight(made, WORKLOADS[workload].request(), expected(body), 0)
        await flight.run()
        assert len(flight.latencies) == 3
        assert min(flight.latencies) >= WORKLOADS[workload].lasts


async def test_requests_follow_each_other_until_the_time_is_over() -> None:
    async with connections(2) as made:
        flight = Flight(made, WORKLOADS["json"].request(), expected(json_answer()), 1)
        await flight.run()
        assert len(flight.latencies) > 10


async def test_requests_come_at_a_rate() -> None:
    async with connections(4) as made:
        flight = Flight(made, WORKLOADS["json"].request(), expected(json_answer()), 1, rate=40)
        await flight.run()
        assert 10 <= len(flight.latencies) <= 44, "no more than the rate, and on a busy machine fewer"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Expected(len(json_answer()), 0, 503), "status=200"),
        (Expected(len(json_answer()) + 1, 0), "beginning with"),
        (Expected(len(json_answer()), 200), "lines=0"),
    ],
)
async def test_a_wrong_answer_ends_it(wanted: Expected, reason: str) -> None:
    async with connections(2) as made:
        with pytest.raises(WrongAnswer, match=reason):
            await Flight(made, WORKLOADS["json"].request(), wanted, 5).run()


async def test_a_connection_that_ends_is_a_wrong_answer() -> None:
    async with connections(2) as made:
        flight = Flight(made, WORKLOADS["paced"].request(), expected(b"".join(events())), 5)
        asyncio.get_running_loop().call_later(0.05, made[0].transport.abort)
        with pytest.raises(WrongAnswer, match="the connection ended"):
            await flight.run()


def test_a_family_is_a_process_and_all_that_descend_from_it() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True) as shell:
        deadline = time.monotonic() + 10
        while len(found := clock.family(shell.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(shell.pid, signal.SIGKILL)
    assert found[0] == shell.pid
    assert len(found) == 2


def test_the_clock_of_a_process() -> None:
    before = clock.used(os.getpid())
    while time.process_time_ns() < before + 5_000_000:
        pass
    assert clock.used(os.getpid()) >= before + 5_000_000
    with pytest.raises(OSError, match="No such process"):
        clock.used(2**22 + 1)
