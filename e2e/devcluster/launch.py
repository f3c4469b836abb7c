"""Starts and ends the first process of a cluster, from outside."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import build, images, pki, processes, progress, requirements
from .settings import REPOSITORY, Settings, run_folder

Tell = Callable[[str], None]
LONGEST_PATH = 60  # characters of a cluster's folder: a Pod's Unix sockets must fit below it
START_SECONDS = 180.0


class ClusterError(RuntimeError):
    """A cluster could not be started, found or ended."""


def state_folder(name: str) -> Path:
    folder = run_folder() / name
    if folder.parent.exists() and folder.parent.stat().st_uid != os.getuid():
        raise ClusterError(f"{folder.parent} belongs to somebody else: set TIDEGATE_RUN to a folder of yours")
    if len(str(folder)) > LONGEST_PATH:
        raise ClusterError(f"{folder} is too long for Unix sockets: set TIDEGATE_RUN to a shorter folder")
    return folder


def prepare(name: str, nodes: int, gpus: int, eviction_seconds: int, tell: Tell) -> Settings:
    """Check the machine, get the binaries, and make an empty state folder."""
    requirements.check()
    settings = Settings(
        name=name,
        state=state_folder(name),
        binaries=build.kubernetes(tell),
        commands=build.commands(tell),
        kubectl=requirements.kubectl(),
        bwrap=requirements.bwrap(),
        nodes=nodes,
        gpus=gpus,
        eviction_seconds=eviction_seconds,
    )
    stop(settings.state)
    for folder in (settings.state, settings.logs, settings.volumes, settings.state / "tmp"):
        folder.mkdir(parents=True, mode=0o755)
    settings.save()
    return settings


def start(settings: Settings, more_images: Sequence[images.Image], tell: Tell) -> None:
    """Start the cluster and wait until it is ready. Raises ClusterError; the logs stay where the message says."""
    started = time.time()
    pki.create(settings)
    images.write_table(settings, more_images)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        port = listener.getsockname()[1]
        pki.write_kubeconfig(settings.pki, "admin", f"https://127.0.0.1:{port}", settings.outside_kubeconfig)
        settings.api_port_file.write_text(str(port))
        _spawn(settings, started, listener.fileno())
    tell(f"{time.time() - started:6.1f} s  certificates")
    try:
        _follow(settings, tell)
    except BaseException:
        _end(settings.state)
        raise


def stop(state: Path) -> None:
    """End a cluster, also one that has crashed, and remove its folder. Nothing happens when there is none."""
    _end(state)
    if state.exists():
        shutil.rmtree(state)


def _end(state: Path) -> None:
    for pid in recorded(state):
        processes.kill_and_wait(pid)


def first_process(state: Path) -> int:
    """The number, out here, of the first process inside. Raises ClusterError when it does not run."""
    pids = recorded(state)
    if len(pids) < 2:
        raise ClusterError(f"no cluster runs in {state}")
    return pids[1]


def recorded(state: Path) -> list[int]:
    """The processes of a cluster that live: unshare, and the first one inside."""
    file = state / "pids"
    if not file.exists():
        return []
    known = [(int(pid), started) for pid, started in json.loads(file.read_text())]
    return [pid for pid, started in known if processes.alive(pid) and processes.start_time(pid) == started]


def _spawn(settings: Settings, started: float, listener: int) -> None:
    """In a session of its own, so that it outlives this shell; `--kill-child` ends all with the outermost process."""
    namespaces = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    world = [sys.executable, "-m", "e2e.devcluster.world", str(settings.state), str(started), str(listener)]
    pid_file = settings.state / "pid"
    argv = ["unshare", *namespaces, *world]
    with (settings.logs / "world.log").open("ab") as log:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", 'echo $$ > "$0"; exec "$@"', str(pid_file), *argv],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[listener],
            check=True,
        )
    _record(settings, pid_file)


def _record(settings: Settings, pid_file: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        outer = int((pid_file.read_text() if pid_file.exists() else "") or 0)
        inner = processes.children(outer) if outer else []
        if inner and len(processes.numbers(inner[0])) > 1:
            pids = [(pid, processes.start_time(pid)) for pid in (outer, inner[0])]
            (settings.state / "pids").write_text(json.dumps(pids))
            return
        time.sleep(0.01)
    raise ClusterError(f"the first process did not start; see {settings.logs}/world.log")


def _follow(settings: Settings, tell: Tell) -> None:
    seen, deadline = 0, time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for step in progress.read(settings.progress, seen):
            seen += 1
            if step.state == "failed":
                raise ClusterError(step.text)
            tell(str(step))
            if step.state == "ready":
                return
        if len(recorded(settings.state)) < 2:
            raise ClusterError(f"the first process ended; see {settings.logs}/world.log")
        time.sleep(0.05)
    raise ClusterError(f"not ready after {START_SECONDS:.0f} s; logs are in {settings.logs}")
