"""What becomes of events, and the sweep that finds what events did not tell."""

from __future__ import annotations

import copy
from typing import Any

import kopf
import pytest

from tests.support.builders import key_of, model, policy
from tests.support.fake_api import FakeApi
from tidegate import names
from tidegate.cluster.client import PLURALS
from tidegate.cluster.metadata import ListedObject
from tidegate.control.store import Store
from tidegate.control.watch import WATCHED, register, remember, select, sweep
from tidegate.plan.kube.objects import API_VERSIONS, child, model_labels
from tidegate.plan.plan import ObjectKey

OWNER = model("llama")
CHILD = child("ConfigMap", "conf", OWNER, model_labels("llama"), {"data": {"a": "b"}})
KINDS = [(names.API_VERSION, names.MODEL_DEPLOYMENT), ("v1", "ConfigMap")]


def on_server(manifest: dict[str, Any], uid: str = "u1", version: str = "5", **more: Any) -> dict[str, Any]:
    made = copy.deepcopy(manifest) | more
    made["metadata"] |= {"uid": uid, "resourceVersion": version}
    return made


class Seen:
    """A store and the keys that were queued."""

    def __init__(self, *known: dict[str, Any]) -> None:
        self.store = Store()
        self.queued: list[str] = []
        self.edited: list[str] = []
        for manifest in known:
            self.store.put(manifest)

    def queue(self, key: ObjectKey, edited: bool = False) -> None:
        self.queued.append(str(key))
        if edited:
            self.edited.append(str(key))

    def event(self, what: str | None, manifest: dict[str, Any]) -> list[str]:
        self.queued.clear()
        remember(self.store, self.queue, what, manifest)
        return self.queued

    async def sweep(self, api: FakeApi) -> list[str]:
        self.queued.clear()
        for kind in KINDS:
            await sweep(api, self.store, self.queue, *kind)
        return self.queued


def test_events() -> None:
    seen = Seen()
    assert seen.event(None, on_server(CHILD)) == ["ModelDeployment shop/llama"]
    assert seen.event("MODIFIED", on_server(CHILD)) == [], "our own write comes back as an event"
    assert seen.event("MODIFIED", on_server(CHILD, version="6")) == [], "nothing that a plan depends on"
    assert seen.event("MODIFIED", on_server(CHILD, version="7", data={})) == ["ModelDeployment shop/llama"]
    assert seen.event("DELETED", on_server(CHILD, version="8")) == ["ModelDeployment shop/llama"]
    assert seen.store.get(key_of(CHILD)) is None


@pytest.mark.parametrize(
    ("generation", "status", "edited"),
    [
        (1, {}, False),  # new: nobody waits for it more than for others
        (1, {"observedGeneration": 1}, False),  # our own status
        (2, {"observedGeneration": 1}, True),
    ],
)
def test_who_is_edited_goes_ahead(generation: int, status: dict[str, Any], edited: bool) -> None:
    seen = Seen(on_server(policy(), "u2"))
    changed = on_server(OWNER, status=status)
    changed["metadata"]["generation"] = generation
    assert sorted(seen.event("MODIFIED", changed)) == ["ModelDeployment shop/llama", "RoutingPolicy shop/chat"]
    assert seen.edited == (["ModelDeployment shop/llama"] if edited else [])


def test_a_deletion_of_an_older_object_of_that_name() -> None:
    seen = Seen(on_server(CHILD, "u2", "9"))
    seen.event("DELETED", on_server(CHILD, "u1", "8"))
    assert seen.store.get(key_of(CHILD))


async def test_a_sweep_that_finds_nothing() -> None:
    known = on_server(CHILD)
    assert await Seen(OWNER, known).sweep(FakeApi(OWNER, known)) == []


async def test_ghosts_are_dropped() -> None:
    seen = Seen(OWNER, on_server(CHILD))
    assert await seen.sweep(FakeApi(OWNER)) == ["ModelDeployment shop/llama"]
    assert seen.store.children(OWNER["metadata"]["uid"]) == ()
    assert await seen.sweep(FakeApi()) == ["ModelDeployment shop/llama"]
    assert seen.store.owners() == []


async def test_missed_objects_and_versions_are_fetched() -> None:
    seen = Seen(OWNER)
    assert await seen.sweep(FakeApi(OWNER, on_server(CHILD))) == ["ModelDeployment shop/llama"]
    newer = on_server(CHILD, version="6", data={"a": "c"})
    assert await seen.sweep(FakeApi(OWNER, newer)) == ["ModelDeployment shop/llama"]
    kept = seen.store.get(key_of(CHILD))
    assert kept
    assert kept["data"] == {"a": "c"}


@pytest.mark.parametrize("version", ["9", "3"])
async def test_a_replaced_object(version: str) -> None:
    """Also when versions began anew, as after a restore of etcd."""
    seen = Seen(OWNER, on_server(CHILD, "u1", "5"))
    assert set(await seen.sweep(FakeApi(OWNER, on_server(CHILD, "u2", version)))) == {"ModelDeployment shop/llama"}
    kept = seen.store.get(key_of(CHILD))
    assert kept
    assert kept["metadata"]["uid"] == "u2"


async def test_a_list_that_is_older_than_the_store() -> None:
    """The list comes from a cache: a read decides, and what the store has stays."""
    known = on_server(CHILD, "u1", "5")

    class Old(FakeApi):
        async def list_metadata(self, api_version: str, kind: str, labels: str = "") -> list[ListedObject]:
            return []

    seen = Seen(OWNER, known)
    assert await seen.sweep(Old(OWNER, known)) == []
    assert seen.store.get(key_of(CHILD))


async def test_other_peoples_objects_are_not_fetched() -> None:
    foreign = on_server(CHILD)
    foreign["metadata"]["labels"] = {"app": "else"}
    assert await Seen(OWNER).sweep(FakeApi(OWNER, foreign)) == []


def test_every_kind_that_we_make_is_watched() -> None:
    kinds = {kind for _, kind in WATCHED}
    assert kinds == {*API_VERSIONS, *names.PLURALS, "Pod"}
    assert kinds <= PLURALS.keys()


def test_only_our_children_are_asked_for() -> None:
    settings = kopf.OperatorSettings()
    select(settings)
    selected = settings.watching.label_selectors
    assert set(selected.values()) == {"app.kubernetes.io/managed-by=tidegate"}
    assert ("", "pods") in selected
    assert (names.GROUP, "modeldeployments") not in selected


async def test_one_handler_for_each_kind() -> None:
    registry = kopf.OperatorRegistry()
    seen = Seen()
    register(registry, seen.store, seen.queue)
    handlers: list[Any] = list(registry._watching.get_all_handlers())
    assert len({handler.id for handler in handlers}) == len(WATCHED)
    assert {handler.when for handler in handlers} == {None}, "every event is seen"
    for handler in handlers:
        await handler.fn(event={"type": "ADDED", "object": policy("chat")}, name="chat", logger=None)
    assert sorted(seen.queued) == ["ModelDeployment shop/llama", "RoutingPolicy shop/chat"], "once"
    assert [key.kind for key in seen.store.owners()] == ["RoutingPolicy"]
