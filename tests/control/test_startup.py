"""The parts of the operator's process that decide; the rest runs on the dev cluster."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest

from tests.support.builders import existing_tier, key_of, model, pod
from tests.support.fake_api import FakeApi
from tests.support.virtual_time import run
from tidegate.cluster.metadata import ListedObject
from tidegate.control.startup import SWEEP, Operator, asking
from tidegate.control.store import Store
from tidegate.control.watch import WATCHED
from tidegate.errors import Unavailable
from tidegate.plan.plan import Manifest, Question
from tidegate.plan.samples import Complaint, RouterReport
from tidegate.settings import from_environment


class Unreliable(FakeApi):
    """Whatever reads refuses each question the first time that it is asked. It serves every optional kind."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.asked: Counter[str] = Counter()

    def _refuse_once(self, what: str) -> None:
        self.asked[what] += 1
        if self.asked[what] == 1:
            raise Unavailable("a bad day")

    async def get(self, key: Any) -> dict[str, Any] | None:
        self._refuse_once(f"get {key}")
        return await super().get(key)

    async def list_objects(self, api_version: str, kind: str, labels: str = "") -> list[dict[str, Any]]:
        self._refuse_once(f"list {kind}")
        return []

    async def list_metadata(self, api_version: str, kind: str, labels: str = "") -> list[ListedObject]:
        self._refuse_once(f"sweep {kind}")
        return await super().list_metadata(api_version, kind, labels)

    async def serves(self, api_version: str, kind: str) -> bool:
        self._refuse_once(f"serves {kind}")
        return True


@asynccontextmanager
async def operator(api: FakeApi) -> AsyncIterator[Operator]:
    """One whose watches have begun, without a loop of its own."""
    async with httpx.AsyncClient() as http, aiohttp.ClientSession() as pages:
        made = Operator(from_environment({}), api, http, pages)
        made.watching.set()
        yield made


@asynccontextmanager
async def beside(part: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Runs while the block does."""
    task = asyncio.create_task(part)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.timeout(30)
def test_a_refused_question_does_not_end_the_leader() -> None:
    async def main() -> None:
        api = Unreliable()
        async with operator(api) as made, beside(made.act()):
            await asyncio.sleep(60)
            assert made.election.leading
            assert made.gatherer.capabilities.pod_monitor
            assert {"serves PodMonitor", "serves LeaderWorkerSet"} <= set(api.asked)

    run(main())


@pytest.mark.timeout(30)
def test_a_refused_list_repeats_no_other() -> None:
    async def main() -> None:
        api = Unreliable()
        async with operator(api) as made, beside(made.act()):
            await asyncio.wait_for(made.filled.wait(), 60)
            assert {what: n for what, n in api.asked.items() if what.startswith("list ")} == {
                f"list {kind}": 2 for _, kind in WATCHED
            }

    run(main())


@pytest.mark.timeout(30)
def test_a_refused_sweep_holds_up_no_other_kind() -> None:
    """The first finds nothing out; the second sees an object of which nobody told, and may not read it; the third does."""

    async def main() -> None:
        api = Unreliable(model("llama"))
        async with operator(api) as made, beside(made.act()), beside(made._sweep()):
            await asyncio.wait_for(made.leads.wait(), 60)
            await asyncio.sleep(SWEEP)
            assert {what for what in api.asked if what.startswith("sweep ")} == {f"sweep {kind}" for _, kind in WATCHED}
            assert made.store.owners() == []
            await asyncio.sleep(2 * SWEEP)
            assert made.store.owners() == [key_of(model("llama"))]

    run(main())


@pytest.mark.timeout(30)
def test_a_standby_looks_its_picture_over_when_it_leads() -> None:
    async def main() -> None:
        api = FakeApi(model("llama"))
        async with operator(api) as made, beside(made._sweep()):
            await asyncio.sleep(10 * SWEEP)
            assert made.store.owners() == []
            made.leads.set()
            await asyncio.sleep(1)
            assert made.store.owners() == [key_of(model("llama"))]

    run(main())


@pytest.mark.timeout(30)
def test_optional_kinds_are_noticed_also_by_a_standby() -> None:
    async def main() -> None:
        async with operator(Unreliable()) as made, beside(made._notice_kinds()):
            made.filled.set()
            await asyncio.sleep(1.5 * SWEEP)
            assert made.gatherer.capabilities.leader_worker_set
            assert not made.election.leading

    run(main())


async def test_who_is_asked_what() -> None:
    """Routers and stores themselves, and the API server for the Events of everything else."""
    tier = existing_tier()
    store = Store()
    store.put(tier)

    class Events(FakeApi):
        async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"items": [{"reason": "FailedMount", "message": "no such volume"}]}

    router = httpx.MockTransport(lambda _: httpx.Response(200, json={"config": "abc"}))
    async with httpx.AsyncClient(transport=router) as http:
        ask = asking(Events(), http, store, None)
        assert await ask(Question(key_of(pod("p", {})), "uid-of-p", "10.0.0.1")) == RouterReport("abc")
        assert await ask(Question(key_of(pod("p", {})))) == Complaint("FailedMount", "no such volume")
        assert (await ask(Question(key_of(tier)))).missing.startswith("Secret 'redis' does not exist")
        store.drop(key_of(tier))
        assert await ask(Question(key_of(tier))) is None, "it is gone"
