"""The table of lease.py, and two candidates over one Lease in virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import NOW
from tests.support.fake_api import FakeApi
from tests.support.virtual_time import now, run
from tidegate.cluster.client import Refused
from tidegate.control.lease import API_VERSION, DURATION, NAME, PATIENCE, RENEW, Election, Sighting, may_take
from tidegate.errors import Unavailable
from tidegate.plan.plan import ObjectKey

KEY = ObjectKey(API_VERSION, "Lease", "tidegate-system", NAME)


def held_by(identity: str) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": identity}}


@pytest.mark.parametrize(
    ("lease", "seen_at", "at", "expected"),
    [
        (None, 0, 0, True),
        (held_by(""), 0, 0, True),
        ({"metadata": {}}, 0, 0, True),
        (held_by("us"), 0, 0, True),
        (held_by("them"), 0, DURATION, False),
        (held_by("them"), 0, DURATION + 0.1, True),
        (held_by("them"), None, 1000, False),
    ],
)
def test_table(lease: dict[str, Any] | None, seen_at: float | None, at: float, expected: bool) -> None:
    seen = None if seen_at is None else Sighting("1", seen_at)
    assert may_take(lease, "us", seen, at) == expected


def election(api: FakeApi, identity: str) -> Election:
    return Election(api, KEY.namespace, identity, lambda: NOW + timedelta(seconds=now()))


class Network(FakeApi):
    """An API server that can become silent."""

    silent = refusing = False

    async def get(self, key: ObjectKey) -> dict[str, Any] | None:
        await self._answer()
        return await super().get(key)

    async def request(self, *args: Any, **more: Any) -> dict[str, Any]:
        await self._answer()
        return await super().request(*args, **more)

    async def _answer(self) -> None:
        if self.silent:
            await asyncio.sleep(30)
            raise Unavailable("no answer")
        if self.refusing:
            raise Unavailable("no")


def view(api: FakeApi) -> FakeApi:
    """Another client of the same objects."""
    other = Network()
    other.objects = api.objects
    return other


def test_the_first_takes_it_and_renews_it() -> None:
    async def main() -> None:
        api = FakeApi()
        one = election(api, "one")
        await one.wait_until_leading()
        assert one.leading
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(60)
        assert one.leading
        spec = api.objects[KEY]["spec"]
        assert spec["holderIdentity"] == "one"
        assert spec["leaseTransitions"] == 0
        assert spec["acquireTime"] == "2026-03-01T12:00:00.000000Z"
        assert spec["renewTime"] == "2026-03-01T12:00:55.000000Z"
        keeping.cancel()

    run(main())


def test_only_one_of_two_that_begin_together() -> None:
    async def main() -> None:
        api = FakeApi()
        candidates = [election(api, "one"), election(api, "two")]
        tasks = [asyncio.create_task(c.wait_until_leading()) for c in candidates]
        await asyncio.sleep(5)
        assert sum(c.leading for c in candidates) == 1
        for task in tasks:
            task.cancel()

    run(main())


def test_compare_and_swap() -> None:
    """Both saw that the Lease is free; the slower of the two is refused."""

    async def main() -> None:
        api = FakeApi({"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata(), "spec": {}})
        one, two = election(api, "one"), election(api, "two")
        seen = await api.get(KEY)
        assert seen
        assert await one._try()
        two_api = FakeApi()
        two_api.objects = api.objects

        async def stale(key: ObjectKey) -> dict[str, Any] | None:
            return seen

        two_api.get = stale  # type: ignore[method-assign]
        two = election(two_api, "two")
        assert not await two._try()
        assert api.objects[KEY]["spec"]["holderIdentity"] == "one"

    run(main())


def metadata() -> dict[str, Any]:
    return {"name": NAME, "namespace": KEY.namespace, "uid": "u", "resourceVersion": "7"}


def test_failover_after_the_duration_and_never_two_at_once() -> None:
    """The holder loses the network: it stops by itself before the other one begins."""

    async def main() -> None:
        api = Network()
        one, two = election(api, "one"), election(view(api), "two")
        await one.wait_until_leading()
        keeping = asyncio.create_task(one.keep())
        waiting = asyncio.create_task(two.wait_until_leading())
        await asyncio.sleep(20)
        api.silent = True
        lost = now()
        await keeping
        assert not one.leading
        assert not two.leading, "two leaders"
        assert now() - lost <= DURATION
        await waiting
        assert now() - lost <= DURATION + 2
        assert api.objects[KEY]["spec"]["leaseTransitions"] == 1

    run(main())


@pytest.mark.parametrize(("seconds", "survived"), [(1.0, True), (5.0, True), (6.0, False)])
def test_an_interruption(seconds: float, survived: bool) -> None:
    """It is asked again twice a second until it is too late."""

    async def main() -> None:
        api = Network()
        one = election(api, "one")
        await one.wait_until_leading()
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(RENEW - 0.5)
        api.refusing = True
        await asyncio.sleep(seconds)
        api.refusing = False
        await asyncio.sleep(40)
        assert one.leading == survived
        keeping.cancel()

    run(main())


def test_a_lost_answer_is_no_lost_lease() -> None:
    """The API server has a newer version than we know of: it is ours all the same."""

    async def main() -> None:
        api = FakeApi()
        one = election(api, "one")
        await one.wait_until_leading()
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(RENEW - 1)
        api.objects[KEY]["metadata"]["resourceVersion"] = "newer"
        await asyncio.sleep(40)
        assert one.leading
        assert api.objects[KEY]["spec"]["leaseTransitions"] == 0
        keeping.cancel()

    run(main())


def test_why_the_lease_cannot_be_had_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    class Forbidding(FakeApi):
        async def get(self, key: ObjectKey) -> dict[str, Any] | None:
            raise Refused('cannot get resource "leases"')

    async def main() -> None:
        waiting = asyncio.create_task(election(Forbidding(), "one").wait_until_leading())
        await asyncio.sleep(60)
        assert not waiting.done()
        waiting.cancel()

    run(main())
    assert [record.getMessage() for record in caplog.records] == [f'the Lease {NAME}: cannot get resource "leases"']


def test_a_lease_that_somebody_else_took_is_lost() -> None:
    async def main() -> None:
        api = FakeApi()
        one = election(api, "one")
        await one.wait_until_leading()
        api.objects[KEY]["spec"]["holderIdentity"] = "two"
        api.objects[KEY]["metadata"]["resourceVersion"] = "999"
        await one.keep()
        assert not one.leading
        assert now() <= DURATION

    run(main())


def test_release_lets_the_next_begin_at_once() -> None:
    async def main() -> None:
        api = FakeApi()
        one, two = election(api, "one"), election(api, "two")
        await one.wait_until_leading()
        waiting = asyncio.create_task(two.wait_until_leading())
        await asyncio.sleep(5)
        await one.release()
        assert not one.leading
        begun = now()
        await waiting
        assert now() - begun <= 1

    run(main())


def test_release_of_what_is_not_ours_changes_nothing() -> None:
    async def main() -> None:
        api = FakeApi()
        one, two = election(api, "one"), election(api, "two")
        await one.wait_until_leading()
        await two.release()
        api.objects[KEY]["spec"]["holderIdentity"] = "two"
        await one.release()
        assert api.objects[KEY]["spec"]["holderIdentity"] == "two"
        api.failures["get", KEY] = Unavailable("down")
        one.leading = True
        await one.release()
        assert not one.leading

    run(main())


def test_release_does_not_wait_for_a_silent_api_server() -> None:
    async def main() -> float:
        api = Network()
        one = election(api, "one")
        await one.wait_until_leading()
        api.silent = True
        begin = now()
        await one.release()
        return now() - begin

    assert run(main()) <= PATIENCE
