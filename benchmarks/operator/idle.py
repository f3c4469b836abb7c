"""A minute in which nobody wants anything: what does the operator cost?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.operator import audit, processes
from benchmarks.operator.place import Place

SECONDS = 60.0
"""As long as the interval of the sweep, so that there is one in it."""


@dataclass(frozen=True)
class Idle:
    """One minute at rest."""

    writes: Counter[str]
    """Of the operator's account, by verb and resource, but for its Lease."""
    leader_cores: float
    """Share of a core that the leader used."""
    standby_cores: float
    """Share of a core that the other replica used."""
    leader_memory: processes.Memory
    standby_memory: processes.Memory


async def minute(place: Place) -> Idle:
    """Waits for rest, then watches."""
    await place.rest()
    leader = processes.leader(place.cluster)
    (standby,) = set(processes.operators(place.cluster).values()) - {leader}
    begin, at, used = datetime.now(UTC), time.monotonic(), (processes.cpu(leader), processes.cpu(standby))
    await asyncio.sleep(SECONDS)
    passed = time.monotonic() - at
    cores = [(now - before) / passed for now, before in zip(map(processes.cpu, (leader, standby)), used, strict=True)]
    writes = audit.writes(place.cluster, begin, datetime.now(UTC))
    return Idle(writes, cores[0], cores[1], processes.memory(leader), processes.memory(standby))
