"""A round: one workload against one Envoy, and what processes used meanwhile. A process of its own (`python -m
benchmarks.router.drive`) that takes orders as lines of JSON and answers each with one."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

import uvloop

from benchmarks.percentile import percentile
from benchmarks.router import clock
from benchmarks.router.flight import Connection, Flight, WrongAnswer, expected
from benchmarks.router.workloads import KNOWN, Workload, events, json_answer


@dataclass(frozen=True)
class Order:
    """What shall be driven."""

    workload: str
    port: int
    """Of the Envoy."""
    seconds: float
    pids: dict[str, int]
    """Processes whose CPU is asked for, by names of the caller's; `envoy` is among them."""
    core: int
    """Envoy's."""


@dataclass(frozen=True)
class Driven:
    """What came of it."""

    requests: int = 0
    """All answered as they should be."""
    seconds: float = 0.0
    cpu: dict[str, int] = field(default_factory=dict)
    """Nanoseconds, by the order's names."""
    others: float = 0.0
    """Share of Envoy's core that other processes used; 0 when it could not be told (ticks of 10 ms)."""
    p50: float = 0.0
    """Seconds, as p99."""
    p99: float = 0.0
    wrong: str = ""
    """Why there is no result."""


async def drive(order: Order) -> Driven:
    """One round. A warm-up opens the connections on both sides of Envoy."""
    workload = KNOWN[order.workload]
    async with asyncio.timeout(order.seconds + 60):
        connections = await _connected(order.port, workload.connections)
        try:
            warm_up = Flight(connections, workload.request("held"), expected(json_answer()), 0)
            await warm_up.run()
            flight = Flight(
                connections, workload.request(), expected(_said(workload)), workload.asks_for(order.seconds)
            )
            return await _measured(order, flight)
        finally:
            for connection in connections:
                connection.transport.close()


async def _connected(port: int, count: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(count)]


def _said(workload: Workload) -> bytes:
    usage = workload.answer != "fitting"
    return b"".join(events(usage=usage)) if workload.streamed else json_answer()


async def _measured(order: Order, flight: Flight) -> Driven:
    cpu = {name: clock.used(pid) for name, pid in order.pids.items()}
    busy, begin = clock.busy(order.core), time.perf_counter()
    await flight.run()
    seconds = time.perf_counter() - begin
    cpu = {name: clock.used(pid) - cpu[name] for name, pid in order.pids.items()}
    others = (clock.busy(order.core) - busy - cpu["envoy"]) / 1e9 / seconds
    p50, p99 = (percentile(flight.latencies, share) for share in (0.5, 0.99))
    return Driven(len(flight.latencies), seconds, cpu, max(0.0, others), p50, p99)


def main() -> None:
    """Until the orders end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            try:
                driven = runner.run(drive(Order(**json.loads(line))))
            except (WrongAnswer, TimeoutError, OSError) as error:
                driven = Driven(wrong=f"{type(error).__name__}: {error}")
            print(json.dumps(asdict(driven)), flush=True)


if __name__ == "__main__":
    main()
