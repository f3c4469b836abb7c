"""A model has no engine for a while: its requests wait at the router, and none of them is lost, whenever the first engine comes and the
last one goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, cast

import httpx
import pytest

from tests.brain.decide.test_step import asking
from tests.brain.support import CONFIG_MAP, changed, come_true, going, looping
from tests.brain.test_router_decisions import served, told
from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tidegate.brain import presence
from tidegate.brain.admin import Admin
from tidegate.brain.decide import waiting
from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.wire import Answer, Wire
from tidegate.brain.native import built
from tidegate.brain.router import Router
from tidegate.brain.xds import assigned
from tidegate.contract.destinations import Destination, External, Hold
from tidegate.contract.patience import Timeouts
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, Target
from tidegate.envoy import hold
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.decide import SOCKET

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"
TURNS = 8


def holding(wanted: RouterConfig, seconds: float = 30.0) -> RouterConfig:
    """The same, of models that may have no engine."""
    those = tuple(d.model_copy(update={"hold": Hold(seconds=seconds), "model": d.backend}) for d in wanted.destinations)
    return wanted.model_copy(update={"destinations": those})


ONE = holding(config({"chat": {"a": 1}}))
SHORT = holding(config({"chat": {"a": 1}}), 0.5)


@asynccontextmanager
async def running(envoy: RealEnvoy, folder: Path, wanted: RouterConfig, **engines: Engine) -> AsyncIterator[Router]:
    """A router that runs this, with those engines."""
    async with looping(Router(CONFIG_MAP, envoy.files, Admin(folder / "admin.sock"))) as router:
        deciding = await router.decisions.serve(folder / SOCKET)
        changed(wanted, router)
        router.engines_changed(served(**engines))
        await come_true(router.started.is_set)
        envoy._start()
        await told(router, wanted)
        yield router
        deciding.close()
        await asyncio.to_thread(envoy.stop)


@asynccontextmanager
async def clients(envoy: RealEnvoy, count: int = 3) -> AsyncIterator[Counter[int]]:
    """They ask again and again while the block runs; what they were answered, by status."""
    answers: Counter[int] = Counter()
    end = asyncio.Event()

    async def ask() -> None:
        async with httpx.AsyncClient(base_url=envoy.url, timeout=30) as client:
            while not end.is_set():
                answer = await client.post(CHAT, json={"model": "chat"})
                answers[answer.status_code] += 1

    asking = [asyncio.create_task(ask()) for _ in range(count)]
    yield answers
    end.set()
    await asyncio.gather(*asking)


async def asked(envoy: RealEnvoy, model: str = "chat", *, patience: float = 30, stream: bool = False) -> httpx.Response:
    """One request; `patience` is for its answer."""
    async with httpx.AsyncClient(base_url=envoy.url, timeout=httpx.Timeout(30, read=patience)) as client:
        return await client.post(CHAT, json={"model": model} | ({"stream": True} if stream else {}))


def held(router: Router) -> int:
    return router.decisions.waiting.held["a"]


async def let_by(router: Router) -> None:
    """Waits until the routes let requests pass by."""
    await come_true(lambda: bool(router._running and not router._running.held))


async def test_many_wait_for_the_first_engine(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    async with running(envoy, tmp_path, ONE) as router:
        many = [asyncio.create_task(asked(envoy)) for _ in range(50)]
        await come_true(lambda: held(router) == len(many))
        router.engines_changed(served(a=engines.start()))
        answers = await asyncio.gather(*many)
        assert Counter(answer.status_code for answer in answers) == {200: len(many)}
        assert held(router) == 0
        await let_by(router)
        assert (await asked(envoy)).status_code == 200


async def test_the_time_is_over(envoy: RealEnvoy, tmp_path: Path) -> None:
    async with running(envoy, tmp_path, SHORT) as router:
        refused = await asked(envoy)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["error"]["message"] == "No engine of this model is ready; try again."
        assert refused.elapsed.total_seconds() >= 0.5
        assert held(router) == 0


async def test_a_client_that_leaves_leaves_nothing(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    engine = engines.start()
    async with running(envoy, tmp_path, ONE) as router:
        with pytest.raises(httpx.ReadTimeout):
            await asked(envoy, patience=0.3)
        await come_true(lambda: held(router) == 0)
        router.engines_changed(served(a=engine))
        await let_by(router)
    assert engine.bodies == []


async def test_timeouts_begin_when_a_request_is_let_go(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    soon = Timeouts(request_seconds=2, idle_seconds=2, first_token_seconds=1.5)
    async with running(envoy, tmp_path, ONE.model_copy(update={"timeouts": soon})) as router:
        waits = asyncio.create_task(asked(envoy, stream=True))
        await come_true(lambda: held(router) == 1)
        await asyncio.sleep(3)  # longer than any of them
        router.engines_changed(served(a=engines.start()))
        assert (await waits).status_code == 200


async def test_other_models_do_not_wait(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    both = config({"chat": {"a": 1}, "large": {"b": 1}})
    sleepy = both.model_copy(update={"destinations": (ONE.destinations[0], both.destinations[1])})
    async with running(envoy, tmp_path, sleepy, b=engines.start()) as router:
        waits = asyncio.create_task(asked(envoy))
        await come_true(lambda: held(router) == 1)
        assert (await asked(envoy, "large")).headers["x-tidegate-backend"] == "b"
        router.engines_changed(served(a=engines.start(), b=engines.start()))
        assert (await waits).headers["x-tidegate-backend"] == "a"


async def test_a_route_that_was_decided_on_may_have_no_engine(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path
) -> None:
    async with running(envoy, tmp_path, holding(asking("to-large", "to-chat"))) as router:
        waits = asyncio.create_task(asked(envoy, "auto"))
        await come_true(lambda: router.decisions.waiting.held["b"] == 1)
        router.engines_changed(served(b=engines.start()))
        assert (await waits).headers["x-tidegate-backend"] == "b"


def test_a_route_that_is_unknown_is_unknown_for_a_moment() -> None:
    assert waiting.Waiting().ask(Ask("chat", b"", hold=True)) == Answer(503).encoded()


async def test_too_many_are_refused(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST", 2)
    async with running(envoy, tmp_path, ONE) as router:
        some = [asyncio.create_task(asked(envoy)) for _ in range(2)]
        await come_true(lambda: held(router) == 2)
        refused = await asked(envoy)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        router.engines_changed(served(a=engines.start()))
        assert [answer.status_code for answer in await asyncio.gather(*some)] == [200, 200]


async def test_engines_come_and_go_under_load(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "STAY", 0.2)
    engine = engines.start()
    async with running(envoy, tmp_path, ONE, a=engine) as router, clients(envoy) as answers:
        for _ in range(TURNS):
            await let_by(router)
            before = answers.total()
            await come_true(lambda before=before: answers.total() > before + 20)  # type: ignore[misc]
            router.engines_changed(served())
            await come_true(lambda: held(router) == 3)
            await come_true(lambda: not router.presence._last)
            router.engines_changed(served(a=engine))
    assert set(answers) == {200}, answers


async def test_a_short_gap(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    """The next engine is ready before the last one is forgotten."""
    engine = engines.start()
    async with running(envoy, tmp_path, ONE, a=engine) as router, clients(envoy) as answers:
        for wait in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2) * 3:
            before = answers.total()
            router.engines_changed(served())
            await asyncio.sleep(wait)
            router.engines_changed(served(a=engine))
            await come_true(lambda before=before: answers.total() > before + 10)  # type: ignore[misc]
    assert set(answers) == {200}, answers


class Ending(Wire):
    """A connection of Envoy's to a brain that may end."""

    open: ClassVar[set[Ending]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        super().connection_made(transport)
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        super().connection_lost(exc)
        self.open.discard(self)


async def brain(router: Router, folder: Path) -> asyncio.Server:
    """Its decision server."""
    return await asyncio.get_running_loop().create_unix_server(lambda: Ending(router.decisions.reply), folder / SOCKET)


async def dies(server: asyncio.Server) -> None:
    """As kill -9: nobody listens, and every connection ends."""
    server.close()
    for wire in list(Ending.open):
        wire._close()
    await come_true(lambda: not Ending.open)


async def test_a_brain_that_ends_is_asked_anew(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    async with running(envoy, tmp_path, ONE) as router:
        first = await brain(router, tmp_path)
        many = [asyncio.create_task(asked(envoy)) for _ in range(10)]
        await come_true(lambda: held(router) == len(many))
        await dies(first)
        assert held(router) == 0
        second = await brain(router, tmp_path)
        await come_true(lambda: held(router) == len(many))
        router.engines_changed(served(a=engines.start()))
        assert {answer.status_code for answer in await asyncio.gather(*many)} == {200}
        await let_by(router)
        await dies(second)


async def test_a_brain_that_does_not_come_back(
    envoy: RealEnvoy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "ASKED_AGAIN", 1)
    async with running(envoy, tmp_path, ONE) as router:
        only = await brain(router, tmp_path)
        waits = asyncio.create_task(asked(envoy))
        await come_true(lambda: held(router) == 1)
        await dies(only)
        refused = await waits
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def test_when_the_time_is_over_the_next_step_of_the_route_is_asked(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path
) -> None:
    both = config({"chat": {"a": 1}, "large": {"b": 1}})
    chain = Fallback(steps=((Target(destination="b.r1", weight=1),),))
    first = both.routes[0].model_copy(update={"fallback": chain})
    wanted = both.model_copy(
        update={"destinations": (SHORT.destinations[0], both.destinations[1]), "routes": (first, both.routes[1])}
    )
    async with running(envoy, tmp_path, wanted, b=engines.start()):
        answer = await asked(envoy)
        assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "b")
        assert answer.elapsed.total_seconds() >= 0.5
    async with running(envoy, tmp_path, wanted):
        refused = await asked(envoy)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["error"]["message"] == "No engine of this model can be reached; try again."


def beside(wanted: RouterConfig, port: int, *backends: str) -> RouterConfig:
    """The same, with a provider among the first route's targets, beside these."""
    external = External(host="127.0.0.1", port=port, tls=False, model="big")
    hosted = Destination(name="hosted", backend="hosted", external=external)
    targets = (*(Target(destination=f"{b}.r1", weight=99) for b in backends), Target(destination="hosted", weight=1))
    first = wanted.routes[0].model_copy(update={"targets": targets})
    return wanted.model_copy(update={"routes": (first,), "destinations": (*wanted.destinations, hosted)})


@pytest.mark.skipif(not built(), reason="without Rust")
async def test_who_has_a_provider_beside_waits_for_nobody(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    async with running(envoy, tmp_path, beside(ONE, engines.start().port, "a")):
        answers = [await asked(envoy, patience=5) for _ in range(5)]
        assert {(each.status_code, each.headers["x-tidegate-backend"]) for each in answers} == {(200, "hosted")}


@pytest.mark.skipif(not built(), reason="without Rust")
async def test_who_cannot_be_answered_by_the_provider_beside_waits(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path
) -> None:
    """It speaks Anthropic's API alone: requests of that pass by, others wait for the engine."""
    made = beside(ONE, engines.start().port, "a")
    those = tuple(
        d.model_copy(update={"external": None, "anthropic": d.external}) if d.external else d for d in made.destinations
    )
    async with running(envoy, tmp_path, made.model_copy(update={"destinations": those})) as router:
        waits = asyncio.create_task(asked(envoy))
        await come_true(lambda: held(router) == 1)
        async with httpx.AsyncClient(base_url=envoy.url, timeout=5) as client:
            answer = await client.post("/v1/messages", json={"model": "chat"})
        assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "hosted")
        router.engines_changed(served(a=engines.start()))
        assert (await waits).headers["x-tidegate-backend"] == "a"


async def test_a_route_that_waits_for_no_engine_any_more(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    """Its model is gone, and the next of its chain stands in its place."""
    both = config({"chat": {"a": 1}, "large": {"b": 1}})
    chain = Fallback(steps=((Target(destination="b.r1", weight=1),),))
    first = both.routes[0].model_copy(update={"fallback": chain})
    one = both.model_copy(
        update={"destinations": (ONE.destinations[0], both.destinations[1]), "routes": (first, both.routes[1])}
    )
    async with running(envoy, tmp_path, one, b=engines.start()) as router:
        waits = asyncio.create_task(asked(envoy, patience=10))
        await come_true(lambda: held(router) == 1)
        await told(router, beside(both, engines.start().port))
        assert (await waits).headers["x-tidegate-backend"] == "b"


PATIENT_NO_MORE = config({"chat": {"a": 1}})


async def test_nobody_may_wait_any_more_as_the_first_engine_comes(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path
) -> None:
    """Who waits already waits until Envoy has the engine."""
    async with running(envoy, tmp_path, ONE) as router:
        waits = [asyncio.create_task(asked(envoy)) for _ in range(8)]
        await come_true(lambda: held(router) == len(waits))
        changed(PATIENT_NO_MORE, router)
        router.engines_changed(served(a=engines.start()))
        assert [(await each).status_code for each in waits] == [200] * len(waits)


class Knowing:
    """An Envoy that has these engines."""

    def __init__(self) -> None:
        self.has: dict[str, str] = {}

    async def assignments(self) -> dict[str, str]:
        return self.has


async def test_whom_envoy_has_not_read_of_does_not_answer() -> None:
    one, envoy = Endpoint("10.0.0.1", 8000), Knowing()
    made = presence.Presence(cast("Admin", envoy), lambda: None, lambda: None)
    made.follow(ONE, {"a": ()})
    made.follow(PATIENT_NO_MORE, {"a": ()})
    made.follow(PATIENT_NO_MORE, {"a": (one,)})
    assert made.answering({"a": (one,)}) == frozenset()
    envoy.has = {"a-r1": assigned("a.r1", (one,))}
    async with going(made.run()):
        await come_true(lambda: made.answering({"a": (one,)}) == {"a"})
    made.follow(PATIENT_NO_MORE, {"a": (one,)})
    assert made.answering({"a": (one,)}) == {"a"}


def test_a_route_that_is_called_otherwise() -> None:
    """Whichever routes Envoy has at the moment, a request goes on by the name that its route has in them."""
    named = ONE.routes[0].model_copy(update={"name": "other"})
    line = waiting.Waiting()
    line.follow(ONE)
    line.expect(ONE.model_copy(update={"routes": (named,)}))
    line.answer(["a"])
    for name in (named.name, ONE.routes[0].name):
        assert f": {name}\r\n".encode() in line.ask(Ask("chat", b"", name, hold=True))  # type: ignore[operator]


async def test_an_engine_of_other_routes_is_not_waited_for() -> None:
    """It has come to stand beside: the request's own routes do not lead there."""
    both = config({"chat": {"a": 1, "b": 1}})
    line = waiting.Waiting()
    line.follow(ONE)
    waits = asyncio.ensure_future(line.ask(Ask("chat", b"", "to-chat", hold=True)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    line.answer(["b"])
    line.follow(holding(both))
    await asyncio.sleep(0)
    assert not waits.done()
    line.answer(["a"])
    assert b"to-chat" in await waits
