"""A round: one workload against one router, and what processes used meanwhile. A process of its own (`python -m
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
from benchmarks.router.flight import Connection, Expected, Flight, WrongAnswer
from benchmarks.router.workloads import KNOWN


@dataclass(frozen=True)
class Order:
    """What shall be driven."""

    workload: str
    port: int
    """Of the router."""
    wanted: tuple[int, int]
    """Bytes and line ends of an answer."""
    seconds: float
    router: dict[str, int]
    """Its processes, by names of the caller's, whose CPU is asked for; with all that descend from them."""
    beside: dict[str, int]
    """The same of those that are no part of it."""
    core: int
    """The router's."""


@dataclass(frozen=True)
class Driven:
    """What came of it."""

    requests: int = 0
    """All answered as they should be."""
    seconds: float = 0.0
    cpu: dict[str, int] = field(default_factory=dict)
    """Nanoseconds, by the order's names."""
    others: float = 0.0
    """Share of the router's core that other processes used; 0 when it could not be told (ticks of 10 ms)."""
    p50: float = 0.0
    """Seconds, as p99."""
    p99: float = 0.0
    wrong: str = ""
    """Why there is no result."""


async def drive(order: Order) -> Driven:
    """One round. A warm-up opens the connections on both sides of the router."""
    workload = KNOWN[order.workload]
    async with asyncio.timeout(order.seconds + 60):
        connections = await _connected(order.port, workload.connections)
        try:
            await Flight(connections, workload.request("held"), None, 0).run()
            wanted, seconds = Expected(*order.wanted), workload.asks_for(order.seconds)
            flight = Flight(connections, workload.request(), wanted, seconds, workload.rate)
            return await _measured(order, flight)
        finally:
            for connection in connections:
                connection.transport.close()


async def _connected(port: int, count: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(count)]


async def _measured(order: Order, flight: Flight) -> Driven:
    before = _used(order)
    busy, begin = clock.busy(order.core), time.perf_counter()
    await flight.run()
    seconds = time.perf_counter() - begin
    cpu = {name: used - before[name] for name, used in _used(order).items()}
    own = sum(cpu[name] for name in order.router)
    others = (clock.busy(order.core) - busy - own) / 1e9 / seconds
    p50, p99 = (percentile(flight.latencies, share) for share in (0.5, 0.99))
    return Driven(len(flight.latencies), seconds, cpu, max(0.0, others), p50, p99)


def _used(order: Order) -> dict[str, int]:
    return {name: clock.used_by_all(pid) for name, pid in {**order.router, **order.beside}.items()}


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
