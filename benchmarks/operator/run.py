"""The order in which everything is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.operator import flood, idle, live, processes, restart
from benchmarks.operator.place import Place, cordon
from benchmarks.operator.probes import Probes, probes, repeated
from benchmarks.operator.results import Results, Round

REPLICAS = 2
AGAIN = "again"
"""Namespace of the flood during which changes are timed."""


async def run(place: Place, sizes: list[int], rounds: int, workers: int, samples: int) -> Results:
    """All parts; the largest flood's objects stay for what is measured among many objects."""
    results = Results(workers)
    place.say("weight changes that become live in a real router")
    results.live = await live.latencies(place, samples)
    await place.clean(live.NAMESPACE)
    cordon(place.cluster)
    for size in [size for size in sizes for _ in range(rounds)]:
        if results.floods:
            await place.clean(flood.FLOOD)
        results.floods.setdefault(size, []).append(await _round(place, size, workers))
    place.say("a minute at rest")
    results.idle = await idle.minute(place)
    async with probes(place, "probes") as probe:
        await _latencies(place, results, probe, samples)
        await _during_flood(place, results, probe, sizes[len(sizes) // 2], workers)
        await _restarts(place, results, probe)
    return results


async def _round(place: Place, size: int, workers: int) -> Round:
    """The bare client's flood without an operator, then the operator's by fresh processes."""
    await place.scale_operator(0)
    await place.rest()
    place.say(f"{size} models by the bare client")
    bare = await flood.bare(place, size, workers)
    await place.clean(flood.BARE)
    await place.scale_operator(REPLICAS)
    await place.rest()
    place.say(f"{size} models by the operator")
    operator = await flood.operated(place, size, workers)
    await place.rest()
    done = Round(bare, operator, processes.memory(processes.leader(place.cluster)))
    place.say(f"{done.ratio:.2f} x: {operator} against {bare}")
    return done


async def _latencies(place: Place, results: Results, probe: Probes, samples: int) -> None:
    for what, measure in _kinds(probe).items():
        place.say(f"{what}, at rest")
        results.at_rest[what] = await repeated(measure, samples)
        await place.rest()


async def _during_flood(place: Place, results: Results, probe: Probes, size: int, workers: int) -> None:
    """As many changes as fit into one flood, kind after kind."""
    place.say(f"changes while {size} more models are created")
    flooding = asyncio.create_task(flood.operated(place, size, workers, AGAIN))
    while not flooding.done():
        for what, measure in _kinds(probe).items():
            results.in_flood.setdefault(what, []).append(await measure())
    await flooding
    await place.rest()


async def _restarts(place: Place, results: Results, probe: Probes) -> None:
    kinds = {
        "all replicas deleted at once": restart.all_pods,
        "leader deleted": restart.leader_deleted,
        "leader killed": restart.leader_killed,
    }
    for what, measure in kinds.items():
        place.say(what)
        results.restarts[what] = await measure(place, probe)
        await place.rest()


def _kinds(probe: Probes) -> dict[str, Callable[[], Awaitable[float]]]:
    return {
        "apply -> first status": probe.status,
        "spec change -> child changed": probe.child,
        "weight change -> ConfigMap changed": probe.weight,
    }
