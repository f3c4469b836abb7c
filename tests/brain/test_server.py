"""What a brain tells others; with a real Envoy beside it, the drain ends when the last stream has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.envoy.conftest import Engine, RealEnvoy, config
from tests.support.ports import free_port
from tidegate.brain import server
from tidegate.brain.admin import Admin, Gone, Incarnation, Reading, Silent
from tidegate.brain.own import Own
from tidegate.brain.router import Router
from tidegate.brain.server import Server
from tidegate.brain.xds import Files
from tidegate.contract.router_config import READS
from tidegate.envoy.start import Start
from tidegate.names import DRAIN_HEADER, ROUTER_CONFIG_KEY

DEADLINE = 30.0
CHAT, BODY = "/v1/chat/completions", b'{"model":"chat"}'
CONFIG = config({"chat": {"a": 1}})


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else has to notice here that a Pod leaves."""
    monkeypatch.setattr(server, "SETTLE", 0.1)
    monkeypatch.setattr(server, "LOOK", 0.02)


class WatchedAdmin(Admin):
    """Counts how often Envoy was read."""

    reads = 0

    async def read(self) -> Reading:
        """As always."""
        self.reads += 1
        return await super().read()


class ToldAdmin(Admin):
    """An Envoy that says what it is told to: readings or errors, the last one again and again."""

    def __init__(self, *answers: Reading | Silent) -> None:
        super().__init__(Path("/nowhere"))
        self._answers = list(answers)
        self.drains = 0
        self.born = 1

    def incarnation(self) -> Incarnation:
        """A number each."""
        return self.born, 0

    async def read(self) -> Reading:
        """The next one."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Silent):
            raise answer
        return answer

    async def drain(self) -> None:
        """Too busy the first time."""
        self.drains += 1
        if self.drains == 1:
            raise Silent("ReadTimeout: ")


KEY = "0f" * 16
SHOWN = {DRAIN_HEADER: KEY}


def _reading(routes: str = "abc", active: int = 0, live: bool = True) -> Reading:
    return Reading(routes=routes, clusters=routes, warming=0, refusals=0, active=active, live=live)


@asynccontextmanager
async def _brain(
    admin: Admin, folder: Path, drain_seconds: float = DEADLINE, own: Own | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the brain's server. Its router wants CONFIG."""
    router = Router("front-router", Files(Start(str(folder))), admin, own=own)
    router.config_changed({"front-router": {"data": {ROUTER_CONFIG_KEY: CONFIG.text()}}})
    router.started.set()
    port = free_port()
    runner = await Server(router, admin, drain_seconds, KEY).start(port, "127.0.0.1")
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=2 * DEADLINE) as client:
            yield client
    finally:
        await runner.cleanup()
        await admin.close()


class SlowEngine(Engine):
    """A path with `slow` makes a stream whose last piece goes out when it is told to."""

    def __init__(self) -> None:
        super().__init__(free_port())
        self.finish = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any path."""
        if "slow" not in request.query:
            return await super().handle(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await self.finish.wait()
        await response.write(b"last")
        return response


@asynccontextmanager
async def _routed(envoy: RealEnvoy) -> AsyncIterator[SlowEngine]:
    """An Envoy that runs CONFIG with a slow engine."""
    engine = SlowEngine()
    app = web.Application()
    app.router.add_post("/{path:.*}", engine.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", engine.port).start()
    try:
        await asyncio.to_thread(envoy.offer, CONFIG, {"a": [engine]})
        yield engine
    finally:
        engine.finish.set()
        await runner.cleanup()


@asynccontextmanager
async def _stream(envoy: RealEnvoy) -> AsyncIterator[AsyncIterator[bytes]]:
    """What follows the first piece of a slow stream through the router."""
    async with (
        httpx.AsyncClient(base_url=envoy.url, timeout=DEADLINE) as client,
        client.stream("POST", f"{CHAT}?slow", content=BODY) as answer,
    ):
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"first"
        yield pieces


@asynccontextmanager
async def _drained(brain: httpx.AsyncClient) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """A drain that is under way: the brain is not ready any more."""
    task = asyncio.create_task(brain.get("/drain", headers=SHOWN))
    try:
        await _until(brain.get, "/ready", lambda answer: answer.status_code == 503)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(
    ask: Callable[[str], Awaitable[httpx.Response]], path: str, good: Callable[[httpx.Response], bool]
) -> httpx.Response:
    async with asyncio.timeout(DEADLINE):
        while not good(answer := await ask(path)):
            await asyncio.sleep(0.01)
    return answer


@pytest.mark.envoy
async def test_before_and_after_envoy_has_started(envoy: RealEnvoy, tmp_path: Path) -> None:
    async with _brain(Admin(tmp_path / "admin.sock"), tmp_path) as brain:
        assert (await brain.get("/livez")).text == "ok\n"
        assert (await brain.get("/ready")).status_code == 503
        assert (await brain.get("/metrics")).status_code == 503
        wanted = {
            "config": "",
            "wanted": CONFIG.hash(),
            "error": "",
            "reads": READS,
            "native": False,
            "keys": [],
            "certificate": "",
            "limits": [],
            "caches": {},
            "providers": [],
        }
        assert (await brain.get("/status")).json() == wanted
        async with _routed(envoy):
            assert (await brain.get("/ready")).text == "ok\n"
            assert (await brain.get("/status")).json() == wanted | {"config": CONFIG.hash()}
            metrics = await brain.get("/metrics")
            assert metrics.headers["content-type"].startswith("text/plain")
            assert "\nenvoy_server_live{} 1\n" in metrics.text


async def test_envoy_may_start_when_its_files_are_there(tmp_path: Path) -> None:
    admin = ToldAdmin(_reading())
    router = Router("front-router", Files(Start(str(tmp_path))), admin)
    port = free_port()
    runner = await Server(router, admin, DEADLINE, KEY).start(port, "127.0.0.1")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as brain:
        answer = await brain.get("/started")
        assert (answer.status_code, answer.text) == (503, "no configuration yet\n")
        router.started.set()
        assert (await brain.get("/started")).status_code == 200
    await runner.cleanup()
    await admin.close()


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (_reading(), 200, "ok"),
        (_reading(routes=""), 503, "Envoy has no routes yet"),
        (_reading(live=False), 503, "Envoy has no routes yet"),
        (Silent("ReadTimeout: "), 503, "Envoy does not answer"),
    ],
)
async def test_ready(answer: Reading | Silent, status: int, says: str, tmp_path: Path) -> None:
    async with _brain(ToldAdmin(answer), tmp_path) as brain:
        found = await brain.get("/ready")
        assert (found.status_code, found.text) == (status, f"{says}\n")


@pytest.mark.envoy
async def test_a_drain_ends_when_the_last_stream_has(envoy: RealEnvoy, tmp_path: Path) -> None:
    admin = WatchedAdmin(tmp_path / "admin.sock")
    async with (
        _routed(envoy) as engine,
        _brain(admin, tmp_path) as brain,
        _stream(envoy) as rest,
        httpx.AsyncClient(base_url=envoy.url, timeout=DEADLINE) as newcomer,
        _drained(brain) as drain,
    ):

        async def post(path: str) -> httpx.Response:
            answer = await newcomer.post(path, content=BODY)
            assert answer.status_code == 200
            return answer

        await _until(post, CHAT, lambda answer: answer.headers.get("connection") == "close")
        before = admin.reads
        await _until(brain.get, "/livez", lambda _: admin.reads > before + 2)
        assert not drain.done(), "a stream is under way"
        assert (await brain.get("/ready")).text == "draining\n"
        assert (await post(CHAT)).headers["connection"] == "close"
        engine.finish.set()
        assert b"".join([piece async for piece in rest]) == b"last"
        async with asyncio.timeout(DEADLINE):
            assert (await drain).text == "drained\n"


@pytest.mark.envoy
async def test_beside_an_engine_envoy_ends_with_its_last_request(envoy: RealEnvoy, tmp_path: Path) -> None:
    """Nobody goes on with a connection to an engine that is about to end; and where the Pod stays, kubelet starts another Envoy."""
    admin = Admin(tmp_path / "admin.sock")
    async with (
        _routed(envoy) as engine,
        _brain(admin, tmp_path, own=Own("r1", "small")) as brain,
        _stream(envoy) as rest,
        _drained(brain) as drain,
        httpx.AsyncClient(base_url=envoy.url, timeout=DEADLINE) as newcomer,
    ):
        assert (await newcomer.post(CHAT, content=BODY)).status_code == 200
        engine.finish.set()
        assert b"".join([piece async for piece in rest]) == b"last"
        async with asyncio.timeout(DEADLINE):
            assert (await drain).text == "drained\n"
        await _until(brain.get, "/metrics", lambda answer: answer.status_code == 503)


@pytest.mark.envoy
async def test_a_drain_has_an_end(envoy: RealEnvoy, tmp_path: Path) -> None:
    async with (
        _routed(envoy) as engine,
        _brain(Admin(tmp_path / "admin.sock"), tmp_path, drain_seconds=0.5) as brain,
        _stream(envoy) as rest,
    ):
        async with asyncio.timeout(DEADLINE):
            assert (await brain.get("/drain", headers=SHOWN)).text == "drained\n"
        engine.finish.set()
        assert await anext(rest) == b"last", "the drain itself cuts nothing"


@pytest.mark.envoy
async def test_a_drain_ends_with_envoy(envoy: RealEnvoy, tmp_path: Path) -> None:
    admin = WatchedAdmin(tmp_path / "admin.sock")
    async with _routed(envoy), _brain(admin, tmp_path, drain_seconds=600) as brain, _stream(envoy) as rest:
        async with _drained(brain) as drain:
            await _until(brain.get, "/livez", lambda _: admin.reads > 1)
            await asyncio.to_thread(envoy.stop)
            async with asyncio.timeout(DEADLINE):
                assert (await drain).text == "drained\n"
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(rest)


@pytest.mark.envoy
async def test_the_next_envoy_is_not_drained(envoy: RealEnvoy, tmp_path: Path) -> None:
    """Kubelet asks for a drain, too, before it ends an Envoy that hangs."""
    async with _routed(envoy), _brain(Admin(tmp_path / "admin.sock"), tmp_path) as brain:
        async with _drained(brain) as drain:
            assert (await drain).text == "drained\n"
        await asyncio.to_thread(envoy.hang_and_restart)
        await _until(brain.get, "/ready", lambda answer: answer.status_code == 200)


async def test_a_drain_of_an_envoy_that_hangs_ends_with_it(tmp_path: Path) -> None:
    admin = ToldAdmin(Silent("ReadTimeout: "))
    async with _brain(admin, tmp_path, drain_seconds=600) as brain, _drained(brain) as drain:
        assert (await brain.get("/ready")).text == "draining\n"
        admin.born += 1
        async with asyncio.timeout(DEADLINE):
            assert (await drain).text == "drained\n"
        asked = admin.drains
        assert (await brain.get("/ready")).text == "Envoy does not answer\n"
    assert admin.drains == asked, "the next one is left alone"


async def test_nobody_else_drains_a_router(tmp_path: Path) -> None:
    async with _brain(ToldAdmin(_reading()), tmp_path) as brain:
        for headers in ({}, {DRAIN_HEADER: ""}, {DRAIN_HEADER: "é"}, {DRAIN_HEADER: KEY[:-1]}):
            shown = [(name.encode(), value.encode()) for name, value in headers.items()]
            assert (await brain.get("/drain", headers=shown)).status_code == 403
        assert (await brain.head("/drain", headers=SHOWN)).status_code == 405
        assert (await brain.get("/ready")).status_code == 200


async def test_without_envoy_a_drain_is_over_at_once(tmp_path: Path) -> None:
    async with _brain(Admin(tmp_path / "admin.sock"), tmp_path, drain_seconds=600) as brain:
        async with asyncio.timeout(DEADLINE):
            assert (await brain.get("/drain", headers=SHOWN)).text == "drained\n"


async def test_a_busy_envoy_is_waited_for(tmp_path: Path) -> None:
    """That it does not answer in time says nothing of its streams."""
    active, quiet = _reading(active=1), _reading(active=0)
    admin = ToldAdmin(active, Silent("ReadTimeout: "), active, quiet, Gone("asked once too often"))
    async with _brain(admin, tmp_path) as brain:
        async with asyncio.timeout(DEADLINE):
            assert (await brain.get("/drain", headers=SHOWN)).text == "drained\n"
    assert admin.drains == 2
    with pytest.raises(Gone):
        await admin.read()
