"""What processes cost, read from /proc: seconds of CPU and bytes of memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from e2e import operators as replicas
from e2e.devcluster import Cluster
from e2e.devcluster.processes import cpu_seconds, descendants

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class Memory:
    """MiB of a process's own pages in memory: now, and at most so far."""

    now: float
    peak: float


def memory(pid: int) -> Memory:
    """Resident set size of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return Memory(int(kib["VmRSS"]) / 1024, int(kib["VmHWM"]) / 1024)


def operators(cluster: Cluster) -> dict[str, int]:
    """Process ids of the operator's replicas, by the names of their Pods."""
    found = {}
    for pid in descendants(cluster.processes["first"]):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if command[1:4] == [b"-m", b"tidegate", b"operator"]:
            values = dict(line.split(b"=", 1) for line in environment if b"=" in line)
            found[values[b"POD_NAME"].decode()] = pid
    return found


def leader(cluster: Cluster) -> int:
    """Process id of the replica that acts. Raises KeyError when there is none."""
    return operators(cluster)[replicas.leader(cluster)]


def control_plane(cluster: Cluster) -> float:
    """Seconds of CPU that the control plane's parts have used so far."""
    return total(cluster.processes[name] for name in CONTROL_PLANE)


def total(pids: Iterable[int]) -> float:
    """Seconds of CPU of several processes."""
    return sum(map(cpu_seconds, pids))


def load_average() -> float:
    """Of the last minute, of the whole machine."""
    return os.getloadavg()[0]
