"""Carrying out a plan: every row of the table, what is told of failures, and objects that something in between changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.builders import key_of, managed_tier
from tests.support.fake_api import FakeApi
from tidegate.cluster.client import Refused
from tidegate.control.carry_out import TRY_AGAIN, CarryOut, Failures, Imposed
from tidegate.control.store import Store
from tidegate.errors import Conflict, NotOurs, TidegateError, Unavailable
from tidegate.plan.kube.objects import child, store_labels
from tidegate.plan.plan import ObjectKey, Plan

OWNER = managed_tier()
LABELS = store_labels("shared")


def conf(name: str, value: str = "x") -> dict[str, Any]:
    """A ConfigMap of ours."""
    return child("ConfigMap", name, OWNER, LABELS, {"data": {"key": value}})


A, B, C = conf("a"), conf("b"), conf("c")


def key(name: str) -> ObjectKey:
    return key_of(conf(name))


class Place:
    """An API server, and a store that sees everything that is there."""

    def __init__(self, api: FakeApi | None = None) -> None:
        self.api = api or FakeApi()
        self.store = Store()
        self.now = 0.0
        self.imposed = Imposed(lambda: self.now)

    def watch(self) -> None:
        for manifest in self.api.objects.values():
            self.store.put(copy.deepcopy(manifest))

    def fails(self, what: str, name: str, error: TidegateError) -> None:
        self.api.failures[what, key(name)] = error

    async def run(
        self, *wanted: dict[str, Any], delete: str = "", needs: dict[str, str] | None = None
    ) -> list[tuple[str, str]]:
        """What is written for a plan, as (what, name)."""
        self.api.log.clear()
        dependent = {key(name): frozenset(map(key, others)) for name, others in (needs or {}).items()}
        plan = Plan({}, wanted, tuple(map(key, delete)), dependent)
        work = CarryOut(self.api, self.store, self.imposed, plan, OWNER)
        pending = work.pending()
        self.failures = await work.run(OWNER)
        assert pending or not self.api.log, "what is not pending is not done"
        return [(what, key.name) for what, key in self.api.log]


async def test_as_wanted_or_gone_already() -> None:
    place = Place()
    assert await place.run(A, delete="b") == [("create", "a")]
    assert await place.run(A, delete="b") == []
    place.watch()
    assert await place.run(A, delete="b") == []
    assert not place.failures.reason
    assert place.failures.retry is None


async def test_one_that_is_refused_stops_no_other() -> None:
    place = Place()
    await place.run(C)
    place.fails("create", "a", Refused("exceeded quota"))
    assert await place.run(A, B, delete="c") == [("create", "a"), ("create", "b"), ("delete", "c")]
    assert (place.failures.reason, place.failures.message) == ("Refused", "exceeded quota")


@pytest.mark.parametrize("error", [Refused("no"), Unavailable("silence"), Conflict("newer")])
async def test_what_needs_one_that_failed_waits(error: TidegateError) -> None:
    """Also what needs one that waits itself."""
    place = Place()
    place.fails("create", "a", error)
    assert await place.run(A, B, C, needs={"b": "a", "c": "b"}) == [("create", "a")]
    assert await place.run(A, B, C, needs={"b": "a", "c": "b"}) == [("create", "a"), ("create", "b"), ("create", "c")]


async def test_a_deletion_waits_for_what_replaces_it() -> None:
    place = Place()
    await place.run(C)
    place.fails("create", "a", Refused("no"))
    assert await place.run(A, delete="c", needs={"c": "a"}) == [("create", "a")]
    assert key("c") in place.api.objects
    assert await place.run(A, delete="c", needs={"c": "a"}) == [("create", "a"), ("delete", "c")]


async def test_a_need_that_is_as_wanted_holds_up_nobody() -> None:
    place = Place()
    await place.run(A)
    assert await place.run(A, B, needs={"b": "a"}) == [("create", "b")]


async def test_several_failures_are_told_together() -> None:
    place = Place()
    place.fails("create", "a", Refused("quota of a"))
    place.fails("create", "c", NotOurs("ConfigMap", "c"))
    await place.run(A, B, C)
    assert place.failures.reason == "Refused"
    assert place.failures.message.startswith("ConfigMap a: quota of a; ConfigMap c: ConfigMap 'c' exists and")
    assert key("b") in place.api.objects


async def test_what_passes_by_itself_beside_what_does_not() -> None:
    place = Place()
    place.fails("create", "a", Unavailable("silence"))
    place.fails("create", "b", Refused("no"))
    await place.run(A, B)
    assert (place.failures.reason, place.failures.message) == ("Refused", "no")
    assert isinstance(place.failures.retry, Unavailable)


def test_no_failures() -> None:
    none = Failures({})
    assert (none.reason, none.message, none.retry) == ("", "", None)


async def test_a_conflict_puts_the_store_right() -> None:
    place = Place()
    await place.run(A)
    newer = place.api.changed_by_others(key("a"), uid="another")
    await place.run(conf("a", "new"))
    assert isinstance(place.failures.retry, Conflict)
    assert place.store.get(key("a")) == newer
    del place.api.objects[key("a")]
    await place.run(conf("a", "new"))
    assert isinstance(place.failures.retry, Conflict)
    assert place.store.get(key("a")) is None


async def test_a_conflict_and_then_silence() -> None:
    place = Place()
    place.fails("create", "a", Conflict("exists"))
    place.fails("get", "a", Unavailable("silence"))
    await place.run(A)
    assert isinstance(place.failures.retry, Unavailable)


async def test_a_deletion_that_fails_is_noted() -> None:
    place = Place()
    await place.run(A, B)
    place.fails("delete", "a", Refused("no"))
    assert await place.run(delete="ab") == [("delete", "a"), ("delete", "b")]
    assert place.failures.message == "no"
    assert place.store.get(key("a"))


async def test_a_deletion_of_the_very_object() -> None:
    place = Place()
    await place.run(A)
    place.api.changed_by_others(key("a"), uid="another")
    await place.run(delete="a")
    assert isinstance(place.failures.retry, Conflict)
    assert place.api.objects[key("a")]["metadata"]["uid"] == "another"


async def test_what_is_on_its_way_out_is_not_deleted_again() -> None:
    place = Place()
    await place.run(A)
    metadata = place.api.objects[key("a")]["metadata"]
    place.api.changed_by_others(key("a"), metadata={**metadata, "finalizers": ["x"]})
    place.watch()
    assert await place.run(delete="a") == [("delete", "a")]
    there = place.store.get(key("a"))
    assert there, "a finalizer keeps it"
    place.store.put({**there, "metadata": {**there["metadata"], "deletionTimestamp": "now", "resourceVersion": "999"}})
    assert await place.run(delete="a") == []


class Meddling(FakeApi):
    """Something in between changes every ConfigMap and Deployment that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.meddles = True
        self.times = 0

    def _keep(self, key: ObjectKey, manifest: Any, uid: str) -> dict[str, Any]:
        if not self.meddles:
            return super()._keep(key, manifest, uid)
        self.times += 1
        changed = {"data": {"key": "theirs"}} if key.kind == "ConfigMap" else {"spec": {"replicas": 7}}
        stamp = {"annotations": {**manifest["metadata"].get("annotations", {}), "times": str(self.times)}}
        return super()._keep(key, {**manifest, **changed, "metadata": {**manifest["metadata"], **stamp}}, uid)


DEPLOYMENT = child("Deployment", "d", OWNER, LABELS, {"spec": {"replicas": 1, "selector": {"matchLabels": LABELS}}})


SERVICE = child("Service", "s", OWNER, LABELS, {"spec": {"type": "ClusterIP", "selector": LABELS, "replicas": 1}})


@pytest.mark.parametrize("manifest", [A, DEPLOYMENT], ids=["ConfigMap", "Deployment"])
async def test_what_something_in_between_changes_stays_so(
    manifest: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Writing it again would never end."""
    place = Place(Meddling())
    assert len(await place.run(manifest)) == 1
    for _ in range(3):
        place.watch()
        assert await place.run(manifest) == []
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        f"{key_of(manifest)} is changed by something else whenever it is written; it stays so"
    ]


async def test_its_status_is_no_reason_to_write_it_again() -> None:
    """Nor what controllers note down beside: a Deployment's status changes with every engine."""
    place = Place(Meddling())
    await place.run(DEPLOYMENT)
    there = place.api.objects[key_of(DEPLOYMENT)]
    noted = {**there["metadata"], "resourceVersion": "900", "generation": 2}
    noted["annotations"] = {**noted["annotations"], "deployment.kubernetes.io/revision": "1"}
    place.store.put({**there, "metadata": noted, "status": {"readyReplicas": 1}})
    assert await place.run(DEPLOYMENT) == []


async def test_it_is_tried_again_after_a_while() -> None:
    """What changed it may be gone."""
    place = Place(Meddling())
    await place.run(A)
    place.api.meddles = False  # type: ignore[attr-defined]
    place.now = TRY_AGAIN - 1
    assert await place.run(A) == []
    place.now = TRY_AGAIN
    assert ("apply", "a") in await place.run(A)
    assert place.api.objects[key("a")]["data"] == {"key": "x"}


@pytest.mark.parametrize("heals", [False, True])
async def test_a_service_that_is_changed_may_lead_elsewhere(heals: bool) -> None:
    place = Place(Meddling())
    await place.run(SERVICE)
    assert (place.failures.reason, SERVICE["metadata"]["name"] in place.failures.message) == ("ChangedByOthers", True)
    if heals:
        place.api.meddles = False  # type: ignore[attr-defined]
        place.api.changed_by_others(key_of(SERVICE), spec=SERVICE["spec"])
        place.watch()
        place.now = TRY_AGAIN
    await place.run(SERVICE)
    assert place.failures.reason == ("" if heals else "ChangedByOthers")


async def test_a_new_wish_is_written_once() -> None:
    place = Place(Meddling())
    await place.run(A)
    assert ("apply", "a") in await place.run(conf("a", "new"))
    assert await place.run(conf("a", "new")) == []


async def test_what_is_deleted_and_made_again_is_written_as_wanted() -> None:
    """What admission made of the one before says nothing of the next."""
    place = Place(Meddling())
    await place.run(A)
    place.watch()
    assert await place.run(A) == [], "it stays so"
    before = copy.deepcopy(place.api.objects[key("a")])
    assert await place.run(delete="a") == [("delete", "a")]
    place.api.meddles = False  # type: ignore[attr-defined]
    place.api.objects[key("a")] = {**before, "metadata": {**before["metadata"], "uid": "another"}}
    place.watch()
    assert ("apply", "a") in await place.run(A)
    assert place.api.objects[key("a")]["data"] == {"key": "x"}


async def test_a_late_event_of_what_was_deleted_is_no_news() -> None:
    place = Place()
    await place.run(A)
    place.watch()
    late = copy.deepcopy(place.api.objects[key("a")])
    await place.run(delete="a")
    late["metadata"]["resourceVersion"] = "999"
    assert not place.store.put(late)
    assert place.store.get(key("a")) is None
    assert await place.run(A) == [("create", "a")]


async def test_what_somebody_else_makes_of_it_is_mended() -> None:
    place = Place(Meddling())
    await place.run(A)
    there = place.api.objects[key("a")]
    place.api.meddles = False  # type: ignore[attr-defined]
    place.api.changed_by_others(key("a"), data={"key": "somebody's"}, metadata=there["metadata"])
    place.watch()
    assert ("apply", "a") in await place.run(A)
    assert place.api.objects[key("a")]["data"] == {"key": "x"}, "it no longer meddles"
    place.api.changed_by_others(key("a"), data={"key": "theirs"})
    place.watch()
    assert ("apply", "a") in await place.run(A), "what it imposed once is forgotten"
