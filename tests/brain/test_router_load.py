"""Engines are weighed by what they say of themselves: a real Envoy sends the more requests the freer one is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.brain.support import CONFIG_MAP, changed, come_true, going, looping, slices
from tests.brain.test_router_decisions import told
from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.waiting import DEADLINE
from tidegate.brain.admin import Admin
from tidegate.brain.load import readings
from tidegate.brain.router import Router
from tidegate.brain.watch import Objects

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"
WANTED = config({"chat": {"a": 1}}, load_balancing="LeastRequest", engine_load=True)
PAGE = (
    "#\nvllm:num_requests_running 4\nvllm:num_requests_waiting {}\nvllm:kv_cache_usage_perc {}\n"
    "vllm:prompt_tokens_total 1\nvllm:generation_tokens_total 1\n"
)


class Busy:
    """An engine that says how busy it is."""

    def __init__(self) -> None:
        self.waiting, self.kv, self.port = 0, 0.0, 0
        self.on = asyncio.Event()
        """A stream that has begun ends then."""

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(self.waiting, self.kv))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not (await request.json()).get("stream"):
            return web.json_response({"port": self.port})
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"data: {}\n\n")
        await self.on.wait()
        await answer.write(b"data: [DONE]\n\n")
        return answer


@asynccontextmanager
async def engines(count: int) -> AsyncIterator[list[Busy]]:
    """So many."""
    made, runners = [Busy() for _ in range(count)], []
    for one in made:
        app = web.Application()
        app.router.add_get("/metrics", one.metrics)
        app.router.add_post("/{path:.*}", one.answer)
        runners.append(runner := web.AppRunner(app, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        one.port = runner.addresses[0][1]
    yield made
    for runner in runners:
        await runner.cleanup()


def served(*those: Busy) -> Objects:
    """All of one Service, each with a slice of its own, because their ports differ."""
    found = {f"a-{n}": slices("a")["a"] for n in range(len(those))}
    for slice_, one in zip(found.values(), those, strict=True):
        slice_["ports"] = [{"name": "http", "port": one.port}]
    return found


@asynccontextmanager
async def running(envoy: RealEnvoy, folder: Path, *those: Busy) -> AsyncIterator[Router]:
    """A router that weighs these."""
    async with looping(Router(CONFIG_MAP, envoy.files, Admin(folder / "admin.sock"))) as router:
        changed(WANTED, router)
        router.engines_changed(served(*those))
        await come_true(router.started.is_set)
        envoy._start()
        await told(router, WANTED)
        async with going(router.loads.run()):
            yield router
        await asyncio.to_thread(envoy.stop)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds are short."""
    monkeypatch.setattr(readings.Loads.__init__, "__defaults__", (readings.ask, 0.1))


async def shares(envoy: RealEnvoy, many: int = 120) -> Counter[int]:
    """How many requests each engine answers, asked four at a time."""
    counted: Counter[int] = Counter()

    async def ask(client: httpx.AsyncClient) -> None:
        for _ in range(many // 4):
            answer = await client.post(CHAT, json={"model": "chat"})
            counted[answer.raise_for_status().json()["port"]] += 1

    async with httpx.AsyncClient(base_url=envoy.url, timeout=10) as client:
        await asyncio.gather(*(ask(client) for _ in range(4)))
    return counted


async def come_to(envoy: RealEnvoy, wanted: Callable[[Counter[int]], bool]) -> None:
    """Waits for such shares: Envoy reads a moment later what its brain has written."""
    async with asyncio.timeout(DEADLINE):
        while not wanted(await shares(envoy)):
            pass


async def test_who_is_loaded_gets_fewer(envoy: RealEnvoy, tmp_path: Path) -> None:
    async with engines(3) as (loaded, one, other), running(envoy, tmp_path, loaded, one, other) as router:
        loaded.waiting, loaded.kv = 8, 0.95
        await come_true(lambda: sorted(router.loads.weights.values()) == [10, 100, 100])
        await come_to(envoy, lambda counted: counted[loaded.port] * 1.5 < min(counted[one.port], counted[other.port]))
        loaded.waiting, loaded.kv = 0, 0.0
        await come_true(lambda: set(router.loads.weights.values()) == {100})
        await come_to(envoy, lambda counted: counted[loaded.port] * 2 > max(counted.values()))


async def test_other_weights_cut_no_stream(envoy: RealEnvoy, tmp_path: Path) -> None:
    async with (
        engines(2) as (one, other),
        running(envoy, tmp_path, one, other) as router,
        httpx.AsyncClient(base_url=envoy.url, timeout=20) as client,
    ):
        asked = [client.post(CHAT, json={"model": "chat", "stream": True}) for _ in range(6)]
        streams = [asyncio.create_task(each) for each in asked]
        for kv in (1.0, 0.0, 1.0, 0.0):
            one.kv = kv
            wanted = {100, 20} if kv else {100}
            await come_true(lambda wanted=wanted: set(router.loads.weights.values()) == wanted)  # type: ignore[misc]
        assert not [stream for stream in streams if stream.done()]
        one.on.set()
        other.on.set()
        assert {(await stream).text for stream in streams} == {"data: {}\n\ndata: [DONE]\n\n"}
