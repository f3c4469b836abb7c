"""Every row of the table in apply.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.builders import key_of, managed_tier
from tests.support.fake_api import FakeApi
from tidegate import names
from tidegate.cluster.apply import apply, belongs, up_to_date
from tidegate.cluster.client import Invalid, Refused
from tidegate.cluster.covers import covers, stamped
from tidegate.errors import Conflict, NotOurs
from tidegate.plan.kube.objects import child, store_labels

OWNER = managed_tier()
LABELS = store_labels("shared")
WANTED = child("ConfigMap", "conf", OWNER, {"a": "b"}, {"data": {"key": "value"}})


def on_server(manifest: dict[str, Any], uid: str = "u1", version: str = "5") -> dict[str, Any]:
    """As a create of ours left it."""
    made = copy.deepcopy(stamped(manifest))
    entry = {"manager": names.FIELD_MANAGER, "operation": "Update"}
    made["metadata"] |= {
        "uid": uid,
        "resourceVersion": version,
        "managedFields": [{"manager": "x", "operation": "Apply"}, entry],
    }
    return made


def strangers() -> dict[str, Any]:
    made = on_server(WANTED)
    made["metadata"]["ownerReferences"][0]["uid"] = "somebody-else"
    return made


def nobodys() -> dict[str, Any]:
    made = on_server(WANTED)
    del made["metadata"]["ownerReferences"]
    return made


def different() -> dict[str, Any]:
    return on_server(WANTED | {"data": {"key": "old"}})


async def test_created() -> None:
    api = FakeApi()
    made = await apply(api, WANTED, None, OWNER)
    assert made is not None
    assert covers(made, stamped(WANTED))
    assert [what for what, _ in api.log] == ["create"]


async def test_there_already_as_wanted() -> None:
    """The store was behind: somebody of ours made it a moment ago."""
    api = FakeApi(on_server(WANTED))
    found = await apply(api, WANTED, None, OWNER)
    assert found is not None
    assert found["metadata"]["uid"] == "u1"
    assert [what for what, _ in api.log] == ["create"]


async def test_there_already_and_different() -> None:
    api = FakeApi(different())
    found = await apply(api, WANTED, None, OWNER)
    assert found is not None
    assert found["data"] == {"key": "value"}
    assert [what for what, _ in api.log] == ["create", "json_patch", "apply"]


@pytest.mark.parametrize("stranger", [strangers(), nobodys()], ids=["another owner", "no owner"])
async def test_a_stranger_is_left_alone(stranger: dict[str, Any]) -> None:
    api = FakeApi(stranger)
    for known in (None, stranger):
        with pytest.raises(NotOurs, match=r"ConfigMap 'conf' exists and does not belong"):
            await apply(api, WANTED, known, OWNER)
    assert api.objects[key_of(WANTED)] == stranger


async def test_gone_again_after_the_conflict() -> None:
    api = FakeApi()
    api.failures["create", key_of(WANTED)] = Conflict("exists")
    with pytest.raises(Conflict, match="came and went"):
        await apply(api, WANTED, None, OWNER)


async def test_as_wanted() -> None:
    live = on_server(WANTED)
    live["metadata"]["labels"]["added"] = "by somebody"
    api = FakeApi(live)
    assert await apply(api, WANTED, live, OWNER) is None
    assert api.log == []
    assert up_to_date(WANTED, live, OWNER)


async def test_different() -> None:
    api = FakeApi(different())
    assert not up_to_date(WANTED, different(), OWNER)
    made = await apply(api, WANTED, different(), OWNER)
    assert made is not None
    assert made["data"] == {"key": "value"}
    assert made["metadata"]["managedFields"][1]["operation"] == "Apply"
    assert [what for what, _ in api.log] == ["json_patch", "apply"]


async def test_what_a_secret_keeps_is_made_once() -> None:
    secret = child("Secret", "conf", OWNER, {"a": "b"}, {"stringData": {"password": "one"}})
    other = {**secret, "stringData": {"password": "two"}}
    api = FakeApi()
    made = await apply(api, secret, None, OWNER)
    assert made is not None
    assert made["stringData"] == {"password": "one"}
    assert up_to_date(other, made, OWNER)
    live = api.changed_by_others(key_of(secret), metadata={**made["metadata"], "labels": {}})
    again = await apply(api, other, live, OWNER)
    assert again is not None
    assert again["metadata"]["labels"]["a"] == "b"
    assert again["stringData"] == {"password": "one"}
    assert (await apply(api, other, None, OWNER)) == again, "the store was behind"


RECORD = child("ControllerRevision", "small-1", OWNER, {"a": "b"}, {"data": {"spec": {}}, "revision": 1})


async def test_what_a_controller_revision_keeps_is_never_written_again() -> None:
    """A later operator would keep something else, and must not make every model Stalled: nobody can change the data."""
    live = on_server(RECORD)
    later = {**copy.deepcopy(RECORD), "data": {"spec": {"never": "written"}}, "revision": 7}
    assert up_to_date(later, live, OWNER)
    api = FakeApi(live)
    assert await apply(api, later, live, OWNER) is None
    assert await apply(api, later, None, OWNER) == live, "the store was behind"
    assert [what for what, _ in api.log] == ["create"]


@pytest.mark.parametrize("labels", [None, {}, {"a": "else"}, {"added": "by somebody"}])
async def test_a_controller_revision_gets_its_labels_back(labels: Any) -> None:
    live = on_server(RECORD)
    live["metadata"]["labels"] = labels
    api = FakeApi(live)
    assert not up_to_date(RECORD, live, OWNER)
    made = await apply(api, RECORD, live, OWNER)
    assert made is not None
    assert made["metadata"]["labels"] == (labels or {}) | RECORD["metadata"]["labels"]
    assert (made["data"], made["metadata"]["ownerReferences"]) == (live["data"], live["metadata"]["ownerReferences"])
    assert [what for what, _ in api.log] == ["adopt"]
    assert up_to_date(RECORD, made, OWNER)
    assert await apply(api, RECORD, made, OWNER) is None


THEIRS = {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "theirs"}


def referred(manifest: dict[str, Any], *, ours: bool) -> dict[str, Any]:
    """An object that somebody else's refers to, too."""
    made = on_server(manifest)
    own = made["metadata"]["ownerReferences"] if ours else []
    made["metadata"]["ownerReferences"] = [THEIRS, *own]
    return made


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("known", [True, False])
async def test_a_record_keeps_the_references_of_others(ours: bool, known: bool) -> None:
    record = child("ControllerRevision", "small-1", OWNER, LABELS, {"data": {"spec": {}}, "revision": 1})
    api = FakeApi(referred(record, ours=ours))
    made = await apply(api, record, referred(record, ours=ours) if known else None, OWNER)
    there = api.objects[key_of(record)]
    assert there["metadata"]["ownerReferences"] == [THEIRS, *record["metadata"]["ownerReferences"]]
    assert up_to_date(record, there, OWNER)
    assert (made is None) == (ours and known)


async def test_a_merge_keeps_the_references_of_others() -> None:
    live = referred(WANTED | {"data": {"key": "old"}}, ours=True)
    api = FakeApi(live)
    api.failures["apply", key_of(WANTED)] = Invalid("Duplicate value")
    made = await apply(api, WANTED, live, OWNER)
    assert made is not None
    assert made["metadata"]["ownerReferences"] == [THEIRS, *WANTED["metadata"]["ownerReferences"]]
    assert made["data"] == {"key": "value"}
    assert [what for what, _ in api.log] == ["json_patch", "apply", "merge"]


async def test_a_merge_of_what_others_added_keeps_their_references() -> None:
    service = child("Service", "store", OWNER, LABELS, {"spec": {"selector": {"app": "store"}}})
    live = referred(service, ours=True)
    live["spec"]["selector"] = {"app": "store", "shadow": "yes"}
    api = FakeApi(live)
    made = await apply(api, service, live, OWNER)
    assert made is not None
    assert made["spec"]["selector"] == {"app": "store"}
    assert made["metadata"]["ownerReferences"] == [THEIRS, *service["metadata"]["ownerReferences"]]


async def test_where_an_apply_is_not_valid_the_whole_list_is_ours() -> None:
    api = FakeApi(different())
    api.failures["apply", key_of(WANTED)] = Invalid("Duplicate value")
    made = await apply(api, WANTED, different(), OWNER)
    assert made is not None
    assert made["data"] == {"key": "value"}
    assert [what for what, _ in api.log] == ["json_patch", "apply", "merge"]


async def test_what_stays_invalid_is_told() -> None:
    api = FakeApi(different())
    api.failures["apply", key_of(WANTED)] = Invalid("no")
    api.failures["merge", key_of(WANTED)] = Invalid("field is immutable")
    with pytest.raises(Refused, match="field is immutable"):
        await apply(api, WANTED, different(), OWNER)


async def test_the_ownership_of_fields_is_turned_once() -> None:
    live = different()
    live["metadata"]["managedFields"][1]["operation"] = "Apply"
    api = FakeApi(live)
    await apply(api, WANTED, live, OWNER)
    assert [what for what, _ in api.log] == ["apply"]


async def test_an_update_of_the_status_is_nobodys_ownership() -> None:
    live = different()
    live["metadata"]["managedFields"][1]["subresource"] = "status"
    api = FakeApi(live)
    await apply(api, WANTED, live, OWNER)
    assert [what for what, _ in api.log] == ["apply"]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("now", ["replaced", "gone"])
async def test_the_store_is_behind(turned: bool, now: str) -> None:
    live = different()
    if turned:
        live["metadata"]["managedFields"][1]["operation"] = "Apply"
    replaced = on_server(WANTED | {"data": {"key": "newer"}}, uid="u2", version="9")
    api = FakeApi(replaced) if now == "replaced" else FakeApi()
    with pytest.raises(Conflict):
        await apply(api, WANTED, live, OWNER)
    assert api.objects.get(key_of(WANTED)) == (replaced if now == "replaced" else None)


async def test_a_newer_version_of_the_same_object_is_a_conflict_and_no_refusal() -> None:
    """A Deployment's status changes all the time: the next pass sees it and goes on."""
    newer = different()
    newer["metadata"]["resourceVersion"] = "6"
    with pytest.raises(Conflict):
        await apply(FakeApi(newer), WANTED, different(), OWNER)


CLAIM = child("PersistentVolumeClaim", "weights", OWNER, LABELS, {"spec": {}}, owned=False)


@pytest.mark.parametrize(
    ("labels", "references", "ours"),
    [
        (CLAIM["metadata"]["labels"], [], True),
        (CLAIM["metadata"]["labels"] | {"added": "by somebody"}, [], True),
        (CLAIM["metadata"]["labels"], [{"uid": "x"}], True),  # not its controller
        (CLAIM["metadata"]["labels"], [{"uid": "x", "controller": True}], False),
        (store_labels("other") | {names.MANAGED_BY_LABEL: names.MANAGED_BY}, [], False),
        (LABELS, [], False),  # nobody says that Tidegate made it
        ({names.MANAGED_BY_LABEL: names.MANAGED_BY}, [], False),
        ({}, [], False),
    ],
)
def test_whose_it_is(labels: dict[str, str], references: list[Any], ours: bool) -> None:
    """What nobody controls is told by its labels: a claim that outlives its owner, and orphans."""
    found = on_server(CLAIM)
    found["metadata"] |= {"labels": labels, "ownerReferences": references}
    assert belongs(found, CLAIM, OWNER) == ours


def test_labels_that_name_nobody_are_not_enough() -> None:
    assert not belongs(nobodys(), WANTED, OWNER)


def orphan(manifest: dict[str, Any]) -> dict[str, Any]:
    """What `kubectl delete --cascade=orphan` leaves."""
    made = on_server(manifest)
    del made["metadata"]["ownerReferences"]
    return made


@pytest.mark.parametrize("known", [True, False])
async def test_an_orphan_is_adopted(known: bool) -> None:
    wanted = child("ConfigMap", "conf", OWNER, LABELS, {"data": {"key": "value"}})
    api = FakeApi(orphan(wanted))
    made = await apply(api, wanted, orphan(wanted) if known else None, OWNER)
    assert made is not None
    assert made["metadata"]["uid"] == "u1"
    assert made["metadata"]["ownerReferences"] == wanted["metadata"]["ownerReferences"]
    assert up_to_date(wanted, made, OWNER)


@pytest.mark.parametrize("known", [True, False])
async def test_an_orphaned_record_is_adopted_without_another_word(known: bool) -> None:
    record = child("ControllerRevision", "small-1", OWNER, LABELS, {"data": {"spec": {}}, "revision": 1})
    api = FakeApi(orphan(record))
    later = {**record, "data": {"spec": {"never": "written"}}}
    made = await apply(api, later, orphan(record) if known else None, OWNER)
    assert made is not None
    assert made["metadata"]["ownerReferences"] == record["metadata"]["ownerReferences"]
    assert made["data"] == {"spec": {}}
    assert [what for what, _ in api.log if what != "create"] == ["adopt"]
    assert up_to_date(later, made, OWNER)


async def test_a_record_that_was_replaced_is_not_adopted() -> None:
    record = child("ControllerRevision", "small-1", OWNER, LABELS, {"data": {}, "revision": 1})
    replaced = orphan(record)
    replaced["metadata"]["uid"] = "u2"
    with pytest.raises(Conflict):
        await apply(FakeApi(replaced), record, orphan(record), OWNER)


async def test_what_others_added_where_it_counts_goes() -> None:
    """An apply leaves a label that somebody added to a selector: a merge takes it away."""
    service = child("Service", "store", OWNER, LABELS, {"spec": {"selector": {"app": "store"}}})
    live = on_server(service)
    live["spec"]["selector"] = {"app": "store", "shadow": "yes"}
    api = FakeApi(live)
    made = await apply(api, service, live, OWNER)
    assert made is not None
    assert made["spec"]["selector"] == {"app": "store"}
    assert [what for what, _ in api.log] == ["json_patch", "apply", "merge"]
    assert up_to_date(service, made, OWNER)
