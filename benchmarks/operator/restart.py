"""The operator's Pods go: when does somebody act again? A spec is changed just afterwards, and its child is watched."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.operator import processes
from benchmarks.operator.place import Place
from benchmarks.operator.probes import Probes
from e2e import operators
from e2e.devcluster.processes import alive
from e2e.install import NAMESPACE


@dataclass(frozen=True)
class Restart:
    """Seconds since the Pods went."""

    leader: float
    """Until another process held the Lease."""
    acts: float
    """Until the child of a changed spec was changed."""


async def all_pods(place: Place, probe: Probes) -> Restart:
    """Every replica is deleted at once: new ones start from nothing."""
    names = list(processes.operators(place.cluster))
    return await _measured(place, probe, lambda: _delete(place, names))


async def leader_deleted(place: Place, probe: Probes) -> Restart:
    """The leader is deleted, as in an upgrade: it hands over to the other replica."""
    return await _measured(place, probe, lambda: _delete(place, [operators.leader(place.cluster)]))


async def leader_killed(place: Place, probe: Probes) -> Restart:
    """The leader is killed: the other replica waits until its Lease has expired."""
    return await _measured(place, probe, lambda: os.kill(processes.leader(place.cluster), signal.SIGKILL))


async def _measured(place: Place, probe: Probes, end: Callable[[], object]) -> Restart:
    await place.operator_ready()
    old = processes.leader(place.cluster)
    begin, at = datetime.now(UTC), time.monotonic()
    end()
    await place.wait(lambda: not alive(old), "the old leader is gone")
    leading = asyncio.create_task(place.wait(lambda: _leads(place, old, begin), "another process leads"))
    led: list[float] = []
    leading.add_done_callback(lambda _: led.append(time.monotonic()))
    acts = time.monotonic() - at + await probe.child()
    await leading
    return Restart(led[0] - at, acts)


def _leads(place: Place, old: int, since: datetime) -> bool:
    """Whether the Lease was renewed since then, and by another process."""
    lease = operators.lease(place.cluster)
    now = processes.operators(place.cluster).get(lease["holderIdentity"], old)
    return now != old and datetime.fromisoformat(lease["renewTime"]) > since


def _delete(place: Place, names: list[str]) -> None:
    place.cluster.kubectl("-n", NAMESPACE, "delete", "pods", "--wait=false", *names)
