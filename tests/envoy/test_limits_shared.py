"""Two routers, real Envoys with brains, that count in one Valkey: exact to the request, and to the token under two hundred streams of which
some are left."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.brain.store.conftest import PASSWORD, Valkey, valkey
from tests.envoy.conftest import Engines, RealEnvoy
from tests.envoy.hostile.wire import CHAT
from tests.envoy.native.test_keys import BOTH, KEY, OTHER
from tests.envoy.test_decide import Brain
from tests.envoy.test_limits import limited, requests, tokens
from tests.support.patience import PATIENCE, hasty, patient_waits
from tidegate.brain.native import built
from tidegate.contract.limits import Limits, Store
from tidegate.contract.observation import Observation
from tidegate.contract.router_config import RouterConfig

__all__ = ["hasty", "patient_waits", "valkey"]
pytestmark = [
    pytest.mark.envoy,
    pytest.mark.redis,
    pytest.mark.skipif(not built(), reason="clients are told apart by the native filters: make native"),
]
SECRET = {"data": {"password": base64.b64encode(PASSWORD.encode()).decode()}}
PROMPT = 20
SCRIPTS = 3
"""That a router loads into its store."""


@dataclass
class Pair:
    """Two routers of one policy."""

    envoys: list[RealEnvoy]
    brains: list[Brain]
    valkey: Valkey

    def run(self, wanted: RouterConfig, *engines: Any) -> None:
        """Until both count in the store."""
        store = Store(secret="s", key="password", address=self.valkey.where.said)
        assert wanted.limits
        limits = Limits(**{**dict(wanted.limits), "store": store})
        shared = wanted.model_copy(update={"limits": limits, "observation": Observation(records=100.0)})
        for envoy, brain in zip(self.envoys, self.brains, strict=True):
            envoy.offer(shared, {"a": engines}, BOTH)
            brain.follow(shared, "a", secrets={"s": SECRET})
        deadline = time.monotonic() + 60
        while self._scripts() < SCRIPTS * len(self.brains):
            assert time.monotonic() < deadline, "a router has no store"
            time.sleep(0.05)
        time.sleep(0.2)  # they have read that the last one is there

    def _scripts(self) -> int:
        """How often one was loaded."""
        found = re.search(r"cmdstat_script\|load:calls=(\d+)", self.valkey.ask("INFO", "commandstats"))
        return int(found[1]) if found else 0

    def used(self, client: str) -> int:
        """What the store holds."""
        keys = [
            line for line in self.valkey.ask("KEYS", f"tidegate:*:{client}").split("\r\n") if line.startswith("tide")
        ]
        values = [self.valkey.ask("HVALS", key).split("\r\n")[2::2] for key in keys]
        return sum(int(value) for some in values for value in some if value)


@pytest.fixture
def pair(tmp_path: Path, valkey: Valkey, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Not yet configured."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    patient = "hasty" not in request.fixturenames
    brains = [Brain(folder, patient=patient) for folder in folders]
    made = Pair([RealEnvoy(folder) for folder in folders], brains, valkey)
    yield made
    for envoy in made.envoys:
        envoy.stop()
    for brain in made.brains:
        brain.stop()


async def statuses(pair: Pair, count: int, key: str = KEY) -> Counter[int]:
    """Of so many requests at a time, over both routers in turn."""
    async with aiohttp.ClientSession(headers={"x-api-key": key}) as client:

        async def one(number: int) -> int:
            async with client.post(f"{pair.envoys[number % 2].url}{CHAT}", json={"model": "chat"}) as answer:
                return answer.status

        return Counter(await asyncio.gather(*(one(number) for number in range(count))))


async def test_exactly_as_many_as_the_limit_says(pair: Pair, engines: Engines) -> None:
    await asyncio.to_thread(pair.run, limited(requests(50, window=3600)), engines.start())
    assert await statuses(pair, 150) == {200: 50, 429: 100}
    assert await statuses(pair, 50, OTHER) == {200: 50}
    assert (pair.used("acme"), pair.used("globex")) == (50, 50)


@pytest.mark.usefixtures("hasty")
async def test_while_the_store_hangs_each_lets_through_its_part(
    pair: Pair, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    # brains wait for the store as they always do; Envoy for a brain that a busy machine holds up: it would let pass who is not counted
    monkeypatch.setattr("tidegate.envoy.limiting.TIMEOUT", PATIENCE)
    await asyncio.to_thread(pair.run, limited(requests(60, window=3600), passes=False), engines.start())
    assert await statuses(pair, 20) == {200: 20}
    pair.valkey.hang()
    begin = time.monotonic()
    assert await statuses(pair, 2) == {200: 2}
    assert time.monotonic() - begin < 20, "nobody waits until it goes on"
    told = await statuses(pair, 100)
    assert told[200] <= 38 <= told[200] + told[503], "30 each, less the 11 that each had let through"
    pair.valkey.go_on()
    deadline = time.monotonic() + 60
    while pair.used("acme") < 60:
        assert time.monotonic() < deadline, "the store was not told"
        await asyncio.sleep(0.1)
    assert (await statuses(pair, 10))[200] == 0
    assert pair.used("acme") <= 60 + 22, "what it was asked when it hung, or answered too late before, may count twice"


@dataclass
class Streaming:
    """An engine that writes an event for each token, and says what it used."""

    port: int = 0
    sent: int = 0
    runners: list[web.AppRunner] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        for _ in range(asked["max_tokens"]):
            await answer.write(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
            self.sent += 1
            await asyncio.sleep(0.002)
        usage = {"choices": [], "usage": {"prompt_tokens": PROMPT, "completion_tokens": asked["max_tokens"]}}
        await answer.write(f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
        return answer


@asynccontextmanager
async def streaming() -> AsyncIterator[Streaming]:
    """One on the loopback."""
    made = Streaming()
    app = web.Application()
    app.router.add_post(CHAT, made.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def test_tokens_of_two_hundred_streams_of_which_some_are_left(pair: Pair) -> None:
    limit, most, draw = 20_000, 100, random.Random(11)
    told: Counter[str] = Counter()
    async with streaming() as engine:
        await asyncio.to_thread(pair.run, limited(tokens(limit, window=3600)), engine)

        async def one(client: aiohttp.ClientSession, number: int, leaves: int) -> None:
            body = {"model": "chat", "stream": True, "max_tokens": most, "user": "x" * 20}
            async with client.post(f"{pair.envoys[number % 2].url}{CHAT}", json=body) as answer:
                if answer.status != 200:
                    told[str(answer.status)] += 1
                    return
                events = 0
                async for line in answer.content:
                    events += b'"content"' in line
                    if leaves and events >= leaves:
                        told["left"] += 1
                        answer.close()
                        break
                else:
                    told["whole"] += 1
                told["tokens"] += events

        gate = asyncio.Semaphore(200)

        async def gated(client: aiohttp.ClientSession, number: int) -> None:
            async with gate:
                await one(client, number, draw.randint(1, 60) if number % 3 == 0 else 0)

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers={"x-api-key": KEY}, connector=connector) as client:
            await asyncio.gather(*(gated(client, number) for number in range(600)))
        used = await settled(pair)
        print(f"limit {limit}, received {told['tokens']}, sent {engine.sent}, counted {used}, {dict(told)}")
        assert told["left"] > 20
        assert told["429"] > 20
        assert told["tokens"] <= used <= limit * 1.01
        assert used >= engine.sent * 0.98, "what an engine had sent when its client left is counted to an event or two"


async def settled(pair: Pair) -> int:
    """What the store holds when it has not changed for longer than records take."""
    before = -1
    while (now := pair.used("acme")) != before:
        before = now
        await asyncio.sleep(4)
    return now
