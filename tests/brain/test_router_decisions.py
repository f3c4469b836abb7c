"""A route gets a decision, and loses it, while requests run: none of them meets a brain that does not know it yet."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.brain.decide.test_step import asking
from tests.brain.support import CONFIG_MAP, changed, come_true, looping, slices
from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tests.envoy.waiting import DEADLINE
from tidegate.brain.admin import Admin
from tidegate.brain.decide.wire import Wire
from tidegate.brain.router import Router
from tidegate.brain.watch import Objects
from tidegate.contract.limits import Limit, Limits
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.decide import SOCKET

PLAIN = config({"chat": {"a": 1}, "large": {"b": 1}, "auto": {"a": 1}})
DECIDED = asking("to-large", "to-chat")
CHANGES = 30
COUNTED = Limits(
    each=(Limit(name="all", per="Policy", of="requests", amount=10**9, window_seconds=60),), open=False, replicas=1
)


def counted(wanted: RouterConfig) -> RouterConfig:
    """The same with a limit, without which nobody passes."""
    return wanted.model_copy(update={"limits": COUNTED})


def served(**engines: Engine) -> Objects:
    """One engine for each Service, where it listens."""
    found = slices(*engines)
    for name, engine in engines.items():
        found[name]["ports"] = [{"name": "http", "port": engine.port}]
    return found


async def told(router: Router, wanted: RouterConfig) -> None:
    """Waits until Envoy runs it."""
    changed(wanted, router)
    async with asyncio.timeout(DEADLINE):
        while (await router.status())["config"] != wanted.hash():
            await asyncio.sleep(0.01)


class Open(Wire):
    """A connection of Envoy's to the decision server, among those that are open."""

    def __init__(self, router: Router, those: set[Wire]) -> None:
        super().__init__(router.decisions.reply)
        self._those = those
        those.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._those.discard(self)


async def asked(url: str, answers: Counter[int], end: asyncio.Event) -> None:
    """Again and again."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        while not end.is_set():
            answer = await client.post("/v1/chat/completions", json={"model": "auto"})
            answers[answer.status_code] += 1


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("one", "other"),
    [(PLAIN, DECIDED), (counted(PLAIN), counted(DECIDED)), (PLAIN, counted(PLAIN)), (DECIDED, counted(PLAIN))],
    ids=["decisions", "decisions beside limits", "limits", "the one for the other"],
)
async def test_a_change_of_decisions_or_limits_loses_no_request(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path, one: RouterConfig, other: RouterConfig
) -> None:
    answers: Counter[int] = Counter()
    end = asyncio.Event()
    those: set[Wire] = set()
    async with looping(Router(CONFIG_MAP, envoy.files, Admin(tmp_path / "admin.sock"))) as router:
        deciding = await asyncio.get_running_loop().create_unix_server(lambda: Open(router, those), tmp_path / SOCKET)
        changed(one, router)
        router.engines_changed(served(a=engines.start(), b=engines.start()))
        await come_true(router.started.is_set)
        envoy._start()
        await told(router, one)
        clients = [asyncio.create_task(asked(envoy.url, answers, end)) for _ in range(3)]
        for number in range(CHANGES):
            await told(router, one if number % 2 else other)
        end.set()
        await asyncio.gather(*clients)
        deciding.close()
        await asyncio.to_thread(envoy.stop)
        await come_true(lambda: not those)
    assert set(answers) == {200}, answers
