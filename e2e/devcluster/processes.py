"""Reads /proc: which processes are alive, and which one outside is the one that has a given number inside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path


def alive(pid: int) -> bool:
    """False for a zombie too: it only waits for its parent to look. Not for one whose other threads still end, though:
    the last thread of a namespace's first process is the one that ends all others.
    """
    return _state(pid) not in ("", "Z", "X") or len(_listed(Path(f"/proc/{pid}/task"))) > 1


def start_time(pid: int) -> str:
    """In clock ticks since the machine's start; together with the number it names one process for ever."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in _listed(Path(f"/proc/{pid}/task")):
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def descendants(pid: int) -> Iterator[int]:
    for child in children(pid):
        yield child
        yield from descendants(child)


def numbers(pid: int) -> list[int]:
    """A process's numbers in all PID namespaces that see it, from ours inwards."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    return [int(number) for line in lines if line.startswith("NSpid:") for number in line.split()[1:]]


def outside_number(first: int, inside: int) -> int | None:
    """The number here of the process that is number `inside` in the namespace of the process `first`."""
    if inside == 1:
        return first
    for pid in descendants(first):
        known = numbers(pid)
        if len(known) > 1 and known[1] == inside:
            return pid
    return None


def sharing_mounts(pid: int) -> list[int]:
    """All other processes in that one's mount namespace."""
    wanted = _mounts_of(pid)
    every = (int(path.name) for path in _listed(Path("/proc")) if path.name.isdigit())
    return [other for other in every if other != pid and _mounts_of(other) == wanted]


def _mounts_of(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:
        return f"none of {pid}"


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        kill_and_wait(pid)


def kill_and_wait(pid: int, seconds: float = 20.0) -> None:
    """SIGKILL, then wait until it and all that ended with it are gone. Raises TimeoutError."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until_ended(pid, seconds)


def wait_until_ended(pid: int, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} does not end")
        time.sleep(0.01)


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
