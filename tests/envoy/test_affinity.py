"""Requests that have something in common go to one engine, as long as it is not much busier than the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.envoy.conftest import Engine, Engines, RealEnvoy, config, sticky
from tests.envoy.test_fallback import chain
from tidegate.brain.native import built
from tidegate.contract.affinity import Affinity
from tidegate.envoy.affinity import BALANCE

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"
needs_native = pytest.mark.skipif(not built(), reason="no native filters: make native, where cargo is")
PREFIX = Affinity(prefix=True, headers=("x-tidegate-session",), address=True)
SESSION = Affinity(headers=("x-tidegate-session",), address=True)
SYSTEM = {"role": "system", "content": "You are kind. " * 200}


def conversation(number: int, turns: int) -> dict[str, Any]:
    """What its client sends for this turn: everything that was said before."""
    said = [{"role": "user", "content": f"question {number}"}]
    for turn in range(1, turns):
        said += [{"role": "assistant", "content": f"answer {turn}"}, {"role": "user", "content": f"and {turn}?"}]
    return {"model": "chat", "messages": [SYSTEM, *said]}


def answered_by(envoy: RealEnvoy, body: dict[str, Any], **headers: str) -> int:
    """The port of the engine that answered."""
    said = envoy.client.post(CHAT, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return int(said.raise_for_status().json()["port"])


def offer(envoy: RealEnvoy, engines: Sequence[Engine], affinity: Affinity, **changes: Any) -> None:
    """One destination of these engines."""
    envoy.offer(config({"chat": {"a": 1}}, affinity=affinity, **changes), {"a": list(engines)})


@needs_native
def test_a_conversation_stays_and_conversations_spread(envoy: RealEnvoy, engines: Engines) -> None:
    offer(envoy, [engines.start() for _ in range(4)], PREFIX)
    homes: list[int] = []
    for number in range(40):
        ports = {answered_by(envoy, conversation(number, turns)) for turns in (1, 2, 3)}
        assert len(ports) == 1
        homes += ports
    counted = Counter(homes)
    assert len(counted) == 4
    assert max(counted.values()) <= 20


@needs_native
def test_an_engine_more_moves_few(envoy: RealEnvoy, engines: Engines) -> None:
    four = [engines.start() for _ in range(4)]
    offer(envoy, four, PREFIX)
    before = [answered_by(envoy, conversation(number, 1)) for number in range(60)]
    offer(envoy, [*four, fifth := engines.start()], PREFIX)
    after = [answered_by(envoy, conversation(number, 2)) for number in range(60)]
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(moved) <= 30
    assert sum(port != fifth.port for port in moved) <= 6, "between engines that were there before"


@needs_native
def test_what_is_hot_spreads(envoy: RealEnvoy, engines: Engines) -> None:
    """Forty at a time of one conversation: no engine has more than its bound."""
    four = [engines.start() for _ in range(4)]
    offer(envoy, four, PREFIX)
    counted = Counter(asyncio.run(_at_once(envoy, four, 40)))
    assert max(counted.values()) <= 40 / 4 * BALANCE / 100 + 1
    assert len(counted) >= 3


async def _at_once(envoy: RealEnvoy, four: Sequence[Engine], count: int) -> list[int]:
    """One after the other, and all under way together at last: engines answer when all have come."""
    gate, came = asyncio.Event(), asyncio.Semaphore(0)
    there = 0

    async def wait(request: web.Request) -> web.Response:
        nonlocal there
        await request.read()
        there += 1
        came.release()
        if there == count:
            gate.set()
        await gate.wait()
        return web.json_response({"port": request.transport.get_extra_info("sockname")[1]})  # type: ignore[union-attr]

    runners = []
    offered = []
    for _ in four:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", wait)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
        runners.append(runner)
        offered.append(Engine(int(site.name.rpartition(":")[2])))
    await asyncio.to_thread(offer, envoy, offered, PREFIX)
    async with httpx.AsyncClient(base_url=envoy.url, timeout=20) as client:
        asked = []
        for _ in range(count):
            asked.append(asyncio.create_task(client.post(CHAT, json=conversation(1, 1))))
            await came.acquire()
        said = await asyncio.gather(*asked)
    for runner in runners:
        await runner.cleanup()
    return [int(each.raise_for_status().json()["port"]) for each in said]


def test_sessions(envoy: RealEnvoy, engines: Engines) -> None:
    offer(envoy, [engines.start() for _ in range(4)], SESSION)
    homes = [
        {answered_by(envoy, conversation(turn, turn), x_tidegate_session=f"s{session}") for turn in (1, 2, 3)}
        for session in range(20)
    ]
    assert {len(home) for home in homes} == {1}
    assert len(set.union(*homes)) >= 3


def test_without_a_session_the_address_tells(envoy: RealEnvoy, engines: Engines) -> None:
    offer(envoy, [engines.start() for _ in range(4)], SESSION)
    assert len({answered_by(envoy, conversation(number, 1)) for number in range(10)}) == 1


@needs_native
def test_a_client_cannot_choose(envoy: RealEnvoy, engines: Engines) -> None:
    """The header in which the prompt is told is ours alone."""
    offer(envoy, [engines.start() for _ in range(4)], PREFIX)
    ports = {answered_by(envoy, conversation(7, 1), x_tidegate_in_prefix=str(n)) for n in range(10)}
    assert len(ports) == 1


@needs_native
def test_another_engine_is_asked_when_the_first_fails(envoy: RealEnvoy, engines: Engines) -> None:
    four = [engines.start() for _ in range(4)]
    offer(envoy, four, PREFIX)
    home = answered_by(envoy, conversation(3, 1))
    next(engine for engine in four if engine.port == home).status = 503
    ports = {answered_by(envoy, conversation(3, 2)) for _ in range(5)}
    assert home not in ports


@needs_native
def test_beside_sticky_clients(envoy: RealEnvoy, engines: Engines) -> None:
    """One hash chooses revision and engine: a client stays with both."""
    made = config({"chat": {"a": 1, "b": 1}}, affinity=PREFIX)
    ends = {name: [engines.start() for _ in range(3)] for name in ("a", "b")}
    envoy.offer(sticky(made, "x-user"), ends)
    homes = [{answered_by(envoy, conversation(turn, 1), x_user=f"u{user}") for turn in range(4)} for user in range(20)]
    assert {len(home) for home in homes} == {1}
    assert len(set.union(*homes)) >= 4


@needs_native
def test_routers_agree(tmp_path: Path, engines: Engines) -> None:
    """In whatever order they came to know the engines."""
    four = [engines.start() for _ in range(4)]
    homes = []
    for name, order in (("one", four), ("other", four[::-1])):
        (tmp_path / name).mkdir()
        router = RealEnvoy(tmp_path / name)
        try:
            offer(router, order, PREFIX)
            homes.append([answered_by(router, conversation(number, 1)) for number in range(40)])
        finally:
            router.stop()
    assert homes[0] == homes[1]


def test_no_engine_is_no_end_of_a_walk(envoy: RealEnvoy, engines: Engines) -> None:
    envoy.offer(chain({"a": 1}, "b").model_copy(update={"affinity": SESSION}), {"a": [], "b": [engines.start()]})
    for _ in range(5):
        answer = envoy.client.post(CHAT, json={"model": "chat"})
        assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "b")
