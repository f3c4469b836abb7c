"""The parts of the operator's process that decide; the rest runs on the dev cluster."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.fake_api import FakeApi
from tests.support.virtual_time import run
from tidegate.control.startup import Operator
from tidegate.errors import Unavailable
from tidegate.settings import from_environment


class Unreliable(FakeApi):
    """Whatever reads refuses each question the first time that it is asked. It serves every optional kind."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def _refuse_once(self, what: str) -> None:
        if what not in self.asked:
            self.asked.add(what)
            raise Unavailable("a bad day")

    async def get(self, key: Any) -> dict[str, Any] | None:
        self._refuse_once(f"get {key}")
        return await super().get(key)

    async def list_objects(self, api_version: str, kind: str, labels: str = "") -> list[dict[str, Any]]:
        self._refuse_once(f"list {kind}")
        return []

    async def serves(self, api_version: str, kind: str) -> bool:
        self._refuse_once(f"serves {kind}")
        return True


@pytest.mark.timeout(30)
def test_a_refused_question_does_not_end_the_leader() -> None:
    async def main() -> None:
        api = Unreliable()
        async with httpx.AsyncClient() as http:
            operator = Operator(from_environment({}), api, http)
            operator.watching.set()
            acting = asyncio.create_task(operator.act())
            await asyncio.sleep(60)
            assert operator.election.leading
            assert operator.reconciler.capabilities.pod_monitor
            assert {f"serves {kind}" for kind in ("PodMonitor", "LeaderWorkerSet")} <= api.asked
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)

    run(main())
