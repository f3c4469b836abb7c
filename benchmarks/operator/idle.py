"""A minute in which nobody wants anything: what does the operator cost?"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.operator import processes
from benchmarks.operator.place import Place
from e2e.audit import Audit
from e2e.devcluster.processes import cpu_seconds
from tidegate.control.watch import WATCHED, labels

SECONDS = 60.0
"""As long as the interval of the sweep, so that there is one in it."""
TRIES = 15
"""Minutes until one of them was quiet."""
QUIET = 5.0
"""Seconds without a write after which the operator counts as at rest."""


@dataclass(frozen=True)
class Idle:
    """One minute at rest."""

    writes: dict[str, int]
    """Of the operator's account, but for its Lease's, as `patch services/small`."""
    leader_cores: float
    """Share of a core that the leader used."""
    standby_cores: float
    """Share of a core that the other replica used."""
    leader_memory: processes.Memory
    standby_memory: processes.Memory


async def minute(place: Place) -> Idle:
    """The first minute in which nobody else changes what the operator watches. Kubernetes does for a while: 300 s after their
    making it marks the Deployments of routers that have no node as late. Raises TimeoutError."""
    await place.rest()
    while await _writes(place, QUIET):
        pass  # Events are posted at their own pace, long after what they tell of
    for _ in range(TRIES):
        before, idle = await _versions(place), await _measured(place)
        changed = before ^ await _versions(place)
        if not changed:
            return idle
        place.say(f"{len(changed)} versions came and went in that minute; another one")
    raise TimeoutError("the cluster does not come to rest")


async def _versions(place: Place) -> set[tuple[str, int]]:
    """Everything that the operator watches, as (uid, version)."""
    listed = [await place.api.list_metadata(version, kind, labels(kind)) for version, kind in WATCHED]
    return {(meta.uid, meta.resource_version) for metas in listed for meta in metas}


async def _measured(place: Place) -> Idle:
    leader = processes.leader(place.cluster)
    (standby,) = set(processes.operators(place.cluster).values()) - {leader}
    at, used = time.monotonic(), (cpu_seconds(leader), cpu_seconds(standby))
    writes = await _writes(place, SECONDS)
    passed = time.monotonic() - at
    cores = [(now - before) / passed for now, before in zip(map(cpu_seconds, (leader, standby)), used, strict=True)]
    return Idle(writes, cores[0], cores[1], processes.memory(leader), processes.memory(standby))


async def _writes(place: Place, seconds: float) -> dict[str, int]:
    """What the operator writes from now on, but for its Lease."""
    audit = Audit.from_now(place.cluster)
    await asyncio.sleep(seconds)
    found = audit.writes()
    del found["update leases/tidegate-operator"]
    return dict(found)
