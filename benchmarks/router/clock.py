"""CPU: who runs where, and how much of it was used."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Cores:
    """A router has one for itself; everything else that the benchmark starts shares the others."""

    router: int
    others: frozenset[int]


def cores(allowed: set[int]) -> Cores:
    """The last one is the router's. Raises ValueError when there is only one."""
    if len(allowed) < 2:
        raise ValueError("the benchmark needs two cores: one for the router, one for those who load it")
    last = max(allowed)
    return Cores(last, frozenset(allowed - {last}))


@contextmanager
def pinned(to: frozenset[int]) -> Iterator[None]:
    """Processes that are started inside run on these cores from their first thread on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def used(pid: int) -> int:
    """Nanoseconds of CPU of a process so far, user and system time of all its threads, also those that have ended.

    The process's CPU clock (clock_getcpuclockid(3)): /proc/PID/stat counts the same in ticks of 10 ms. Raises OSError when it is gone.
    """
    clock = ctypes.c_int()
    if error := _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    return time.clock_gettime_ns(clock.value)


def busy(core: int) -> int:
    """Nanoseconds that a core has spent on processes so far, by /proc/stat (in ticks, usually of 10 ms)."""
    lines = Path("/proc/stat").read_text().splitlines()
    user, nice, system = next(line.split()[1:4] for line in lines if line.startswith(f"cpu{core} "))
    return (int(user) + int(nice) + int(system)) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they run."""
    parents = {child: parent for entry in Path("/proc").glob("[0-9]*") for child, parent in _parent(entry)}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _parent(entry: Path) -> Iterator[tuple[int, int]]:
    with suppress(OSError):  # it has ended meanwhile
        yield int(entry.name), int((entry / "stat").read_text().rpartition(") ")[2].split()[1])


def used_by_all(pid: int) -> int:
    """`used` of a family."""
    return sum(used(each) for each in family(pid))
