"""Many objects at once: made by the operator, and the very same ones by a bare client.

Both runs create the same custom resources and end when the same children exist, with the same client library and the same
number of requests under way. The operator also writes statuses and Events, and survives being killed at any moment; the bare
client only creates, while no operator runs.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.operator import counting, processes
from benchmarks.operator.objects import Family, adopted, children, families
from benchmarks.operator.place import Place
from benchmarks.operator.swarm import each

BARE = "bare"
FLOOD = "flood"
SECONDS_PER_MODEL = 1.0
"""A flood that takes longer than this (and a minute) is given up."""


@dataclass(frozen=True)
class Flood:
    """One flood: seconds until every child existed, and what it took."""

    seconds: float
    created: float
    """Seconds until the last custom resource was created."""
    control_plane: float
    """Seconds of CPU of the control plane meanwhile."""
    client: float
    """Seconds of CPU of the operator's replicas together (by the operator), or of this process (bare)."""
    load_average: float


async def bare(place: Place, size: int, workers: int) -> Flood:
    """A client that creates owners and children, and nothing else."""
    made = families(size, BARE)

    async def create(family: Family) -> None:
        owner = await place.api.create(family.owner)
        for child in family.children:
            await place.api.create(adopted(child, owner["metadata"]["uid"]))

    await place.namespace(BARE)
    return await _timed(place, BARE, made, lambda: each(workers, made, create), time.process_time)


async def operated(place: Place, size: int, workers: int, namespace: str = FLOOD) -> Flood:
    """A client that creates owners; the operator does the rest."""
    made = families(size, namespace)

    async def create(family: Family) -> None:
        await place.api.create(family.owner)

    await place.namespace(namespace)
    pids = processes.operators(place.cluster).values()
    return await _timed(place, namespace, made, lambda: each(workers, made, create), lambda: processes.total(pids))


async def _timed(
    place: Place, namespace: str, made: list[Family], create: Callable[[], Awaitable[None]], cpu: Callable[[], float]
) -> Flood:
    wanted = children(made)
    before = await counting.census(place.api, {child["kind"] for child in wanted}, namespace)
    load, used, used_by_client = processes.load_average(), processes.control_plane(place.cluster), cpu()
    begin = time.monotonic()
    await create()
    created = time.monotonic() - begin
    await counting.until_all(place.api, namespace, wanted, before, 60 + SECONDS_PER_MODEL * len(made))
    seconds = time.monotonic() - begin
    control_plane = processes.control_plane(place.cluster) - used
    client = cpu() - used_by_client
    if not await counting.same(place.api, namespace, wanted):
        raise RuntimeError("other children than the planner wants")
    return Flood(seconds, created, control_plane, client, load)
