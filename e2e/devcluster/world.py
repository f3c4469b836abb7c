"""The first process of a cluster's namespaces: starts everything, watches it, and takes it along when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import addons, control, control_plane, network, node, processes
from .api import Api, ApiError
from .mounts import tmpfs
from .progress import Progress
from .relay import Relay
from .settings import SERVER_IP, Node, Settings
from .supervisor import Program, Supervisor

BOOT_SECONDS = 120.0  # on a machine that is very busy; 4 to 8 are usual
MANY_STARTS = 8  # a part that needs that many starts will not come up
COLLECT_LESS_OFTEN = {"GOGC": "200"}  # a tenth of what Kubernetes' parts take of the cores, for 200 MiB more of memory


class BootFailed(RuntimeError):
    """The cluster did not become ready."""


class World:
    """A running cluster. Made inside the event loop of the first process."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.supervisor = Supervisor(settings.logs)
        self.api = Api(settings, "admin")
        self._progress = progress
        self._relays: list[Relay] = []

    async def boot(self) -> None:
        """Bring everything up in the order in which one part needs another."""
        settings = self.settings
        self._keep("etcd", control_plane.etcd(settings))
        self._keep("kube-apiserver", control_plane.apiserver(settings))
        await self._until(self.api.healthy, "the API server answers")
        self._keep("kube-controller-manager", control_plane.controller_manager(settings))
        self._keep("storage", [sys.executable, "-m", "e2e.devcluster.storage", str(settings.state)])
        self._keep("kube-scheduler", control_plane.scheduler(settings))
        await asyncio.gather(*(self.start_node(each) for each in settings.all_nodes))
        await self._until(self._nodes_ready, f"{settings.nodes} nodes are Ready")
        # kube-proxy waits 30 s when its node has no address yet, hence not earlier.
        self._keep("kube-proxy", control_plane.proxy(settings))
        self._keep("dns", control_plane.dns(settings))
        await asyncio.to_thread(self._add_objects)
        await self._until(self._default_account, "Services, DNS and the default ServiceAccount are up")

    async def relay(self, listener: socket.socket, host: str, port: int) -> None:
        relay = Relay(listener, host, port)
        await relay.start()
        self._relays.append(relay)

    async def start_node(self, which: Node) -> None:
        settings, name = self.settings, which.name
        node.write_files(settings, which)
        ready = node.machine_ready(settings, which)
        ready.unlink(missing_ok=True)
        self._keep(name, node.machine(settings, which))
        await self._until(ready.exists, f"{name} has its mounts")
        machine = self.supervisor.pids()[name]
        for part, argv in node.parts(settings, which).items():
            self._keep(f"{part}-{name}", node.inside(machine, argv))

    def processes(self) -> dict[str, int]:
        """Name to process id in here, without those that only keep a node's mounts: they must not be killed."""
        machines = {each.name for each in self.settings.all_nodes}
        return {name: pid for name, pid in self.supervisor.pids().items() if name not in machines}

    async def node_down(self, which: Node) -> None:
        """Cut its network first: nobody is to see its processes die."""
        if which.name not in self.supervisor.pids():
            raise ValueError(f"{which.name} is down already")
        await self.supervisor.run(network.cut(which))
        machine = self.supervisor.pids()[which.name]
        for part in node.parts(self.settings, which):
            await self.supervisor.drop(f"{part}-{which.name}")
        await asyncio.to_thread(processes.kill_all, processes.sharing_mounts(machine))
        await self.supervisor.drop(which.name)

    async def node_up(self, which: Node) -> None:
        if which.name in self.supervisor.pids():
            raise ValueError(f"{which.name} is up already")
        await self.supervisor.run(network.join(which))
        await self.start_node(which)

    def _keep(self, name: str, argv: list[str]) -> None:
        self.supervisor.keep(Program(name, argv, COLLECT_LESS_OFTEN))

    async def _until(self, condition: Callable[[], bool], text: str) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not await asyncio.to_thread(condition):
            self._refuse_hopeless(text)
            if time.monotonic() > deadline:
                raise BootFailed(f"gave up waiting until {text}; logs are in {self.settings.logs}")
            await asyncio.sleep(0.05)
        self._progress.tell(text)

    def _refuse_hopeless(self, text: str) -> None:
        for name in self.supervisor.names():
            if self.supervisor.starts(name) >= MANY_STARTS:
                log = self.settings.logs / f"{name}.log"
                last = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise BootFailed(f"{name} keeps ending before {text}; the end of {log}:\n" + "\n".join(last))

    def _nodes_ready(self) -> bool:
        try:
            nodes = self.api.get("/api/v1/nodes")["items"]
        except (ApiError, OSError):
            return False
        return sum(_is_ready(item, self.settings.gpus) for item in nodes) == self.settings.nodes

    def _add_objects(self) -> None:
        for path, body in addons.objects():
            self.api.post(path, body)

    def _default_account(self) -> bool:
        try:
            self.api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except (ApiError, OSError):
            return False
        return True


def _is_ready(item: dict[str, Any], gpus: int) -> bool:
    status = item["status"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status["conditions"])
    return ready and int(status["allocatable"].get("nvidia.com/gpu", 0)) == gpus


async def live(settings: Settings, progress: Progress, listener: socket.socket) -> None:
    """Boot, then answer requests until killed."""
    world = World(settings, progress)
    await world.relay(listener, SERVER_IP, 6443)
    await world.boot()
    control.listen(settings.control_socket, Requests(world).answer)
    progress.tell("the cluster is up", "ready")
    await asyncio.Event().wait()


class Requests:
    """What may be asked of a cluster through its control socket."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def answer(self, request: dict[str, Any], sockets: list[socket.socket]) -> Any:
        match request:
            case {"do": "processes"}:
                return self._world.processes()
            case {"do": "forward", "host": str(host), "port": int(port)}:
                return await self._world.relay(sockets[0], host, port)
            case {"do": "node_down", "node": int(number)}:
                return await self._world.node_down(self._node(number))
            case {"do": "node_up", "node": int(number)}:
                return await self._world.node_up(self._node(number))
            case _:
                raise ValueError(f"no such request: {request}")

    def _node(self, number: int) -> Node:
        if not 1 <= number <= self._world.settings.nodes:
            raise ValueError(f"there is no node {number}")
        return Node(number)


def main(state: Path, started: float, listener: int) -> None:
    """Never returns while the cluster lives; ends with 1 when it could not be brought up."""
    settings = Settings.load(state)
    progress = Progress(settings.progress, started)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the first process ignores what it has no handler for
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    os.environ["TMPDIR"] = str(settings.state / "tmp")
    try:
        tmpfs(Path("/run"))
        network.create(settings)
        asyncio.run(live(settings, progress, socket.socket(fileno=listener)))
    except Exception as error:
        progress.tell(f"{type(error).__name__}: {error}", "failed")
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
