"""The store: the newest version of everything, children by their controller, and comparison with lists."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import key_of, model, pod, policy
from tidegate import names
from tidegate.cluster.metadata import ListedObject
from tidegate.control.store import REMEMBERED, Store
from tidegate.control.terms import naming, pods_of
from tidegate.plan.plan import ObjectKey

KEY = ObjectKey("v1", "ConfigMap", "shop", "conf")


def thing(
    version: int = 1, uid: str = "u1", name: str = "conf", controller: str = "", kind: str = "ConfigMap", **more: Any
) -> dict[str, Any]:
    references = [{"uid": controller, "controller": True}, {"uid": "also", "controller": False}] if controller else []
    metadata = {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata | {"ownerReferences": references}, **more}


def version(store: Store, key: ObjectKey = KEY) -> tuple[str, str]:
    found = store.get(key)
    assert found
    return found["metadata"]["uid"], found["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("first", "second", "news", "then"),
    [
        ((5, "u1"), (6, "u1"), False, ("u1", "6")),
        ((5, "u1"), (5, "u1"), False, ("u1", "5")),
        ((5, "u1"), (4, "u1"), False, ("u1", "5")),
        ((9, "u1"), (10, "u1"), False, ("u1", "10")),
        ((5, "u1"), (6, "u2"), True, ("u2", "6")),
        ((6, "u2"), (5, "u1"), False, ("u2", "6")),
    ],
)
def test_put(first: tuple[int, str], second: tuple[int, str], news: bool, then: tuple[str, str]) -> None:
    store = Store()
    assert store.put(thing(*first))
    assert store.put(thing(*second)) == news
    assert version(store) == then


@pytest.mark.parametrize(
    ("kind", "more", "news"),
    [
        ("ConfigMap", {"data": {"a": "b"}}, True),
        ("ConfigMap", {"metadata": {"labels": {"a": "b"}}}, True),
        ("ConfigMap", {"metadata": {"managedFields": [{"manager": "x", "operation": "Apply"}]}}, False),
        ("PodDisruptionBudget", {"status": {"expectedPods": 1}}, False),
        ("Deployment", {"status": {"readyReplicas": 1}}, True),
        ("HorizontalPodAutoscaler", {"status": {"currentReplicas": 1}}, False),
        ("ScaledObject", {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, True),
        ("ModelDeployment", {"status": {"readyReplicas": 1}}, True),
        ("Pod", {"status": {"phase": "Running"}}, True),
        ("Pod", {"spec": {"nodeName": "a"}}, False),
        ("Secret", {"data": {"a": "Yg=="}}, False),
    ],
)
def test_news_is_what_a_plan_may_depend_on(kind: str, more: dict[str, Any], news: bool) -> None:
    store = Store()
    store.put(thing(kind=kind))
    changed = thing(2, kind=kind)
    metadata = {**changed["metadata"], **more.get("metadata", {})}
    assert store.put({**changed, **more, "metadata": metadata}) == news


def test_drop() -> None:
    store = Store()
    store.put(thing(uid="u1"))
    assert not store.drop(KEY, "u2")
    assert store.get(KEY)
    assert store.drop(KEY, "u1")
    assert not store.drop(KEY)
    assert store.get(KEY) is None


def test_a_late_event_revives_nobody() -> None:
    """We deleted it, and what was seen of it before comes only now."""
    store = Store()
    store.put(thing(5))
    store.end(KEY, "u1")
    assert store.get(KEY) is None
    assert not store.put(thing(9))
    assert store.get(KEY) is None
    assert store.children("u1") == ()
    assert store.put(thing(10, "u2")), "its successor is another object"
    store.end(KEY, "u1")
    assert store.get(KEY), "only this very one ends"


def test_what_ended_is_remembered_for_long_enough() -> None:
    store = Store()
    for number in range(REMEMBERED + 1):
        store.end(KEY, f"u{number}")
    assert not store.put(thing(uid="u1"))
    assert not store.put(thing(uid=f"u{REMEMBERED}"))
    assert store.put(thing(uid="u0")), "and not for ever"


def test_children_follow_their_controller() -> None:
    store = Store()
    store.put(thing(name="b", controller="owner"))
    store.put(thing(name="a", controller="owner", kind="Service"))
    store.put(thing(name="c", controller="other"))
    store.put(thing(name="d"))
    assert [c["metadata"]["name"] for c in store.children("owner")] == ["b", "a"]
    assert store.children("also") == ()
    store.put(thing(2, name="b", controller="other"))
    assert [c["metadata"]["name"] for c in store.children("owner")] == ["a"]
    assert [c["metadata"]["name"] for c in store.children("other")] == ["b", "c"]
    store.drop(ObjectKey("v1", "Service", "shop", "a"))
    assert store.children("owner") == ()


def test_owners() -> None:
    store = Store()
    store.put(thing())
    store.put(model("llama"))
    assert [key.name for key in store.owners()] == ["llama"]


def test_pods_follow_their_labels() -> None:
    """A Pod belongs to a ReplicaSet; our label says whose it is."""
    store = Store()
    mine, others = key_of(model("llama")), key_of(model("mistral"))
    for name in ("b", "a"):
        store.put(pod(name, {names.MODEL_LABEL: "llama"}))
    assert [p["metadata"]["name"] for p in store.find(pods_of(mine))] == ["a", "b"]
    assert store.find(pods_of(others)) == ()
    assert store.find(pods_of(key_of(policy("llama")))) == (), "a policy of that name is another owner"
    relabelled = pod("b", {names.MODEL_LABEL: "mistral"})
    relabelled["metadata"]["resourceVersion"] = "8"
    store.put(relabelled)
    assert [p["metadata"]["name"] for p in store.find(pods_of(others))] == ["b"]


def test_policies_follow_the_models_that_they_name() -> None:
    store = Store()
    store.put(policy("front", ("llama", "mistral")))
    changed = policy("front", ("mistral",))
    changed["metadata"]["resourceVersion"] = "11"
    store.put(changed)
    assert store.find(naming(key_of(model("llama")))) == ()
    assert [p["metadata"]["name"] for p in store.find(naming(key_of(model("mistral"))))] == ["front"]


def test_policies_are_found_by_the_models_that_their_routers_still_send_to() -> None:
    store = Store()
    sent = [{"name": "gone", "model": "llama", "revisions": []}]
    for number, field in enumerate(("backends", "older")):
        said = policy(f"front-{number}", ("mistral",)) | {"status": {"configuration": {field: sent}}}
        store.put(said)
    assert [p["metadata"]["name"] for p in store.find(naming(key_of(model("llama"))))] == ["front-0", "front-1"]


def listed(*items: tuple[str, str, int]) -> list[ListedObject]:
    return [ListedObject(namespace="shop", name=name, uid=uid, resourceVersion=number) for name, uid, number in items]


def test_missing_and_behind() -> None:
    store = Store()
    store.put(thing(5, "u1", "same"))
    store.put(thing(5, "u2", "older"))
    store.put(thing(5, "u3", "gone"))
    store.put(thing(5, "u4", "replaced"))
    store.put(thing(9, "u6", "newer"))
    store.put(thing(5, "u7", "other", kind="Service"))
    found = listed(
        ("same", "u1", 5), ("older", "u2", 6), ("replaced", "u5", 7), ("newer", "u6", 8), ("unknown", "u8", 1)
    )
    assert [key.name for key in store.missing("v1", "ConfigMap", found)] == ["gone", "replaced"]
    assert [key.name for key in store.behind("v1", "ConfigMap", found)] == ["older", "replaced", "unknown"]


def test_contents_of_secrets_are_not_kept() -> None:
    store = Store()
    store.put(thing(kind="Secret", data={"password": "c2VzYW1l"}))
    assert "c2VzYW1l" not in repr(store.get(ObjectKey("v1", "Secret", "shop", "conf")))
    store.put(thing(data={"key": "value"}))
    kept = store.get(KEY)
    assert kept
    assert kept["data"] == {"key": "value"}


def test_what_pods_are_made_of_is_not_kept() -> None:
    store = Store()
    store.put(thing(kind="Pod", spec={"containers": []}, status={"phase": "Pending"}))
    kept = store.get(ObjectKey("v1", "Pod", "shop", "conf"))
    assert kept
    assert "spec" not in kept
    assert kept["status"] == {"phase": "Pending"}


def test_of_managed_fields_only_who_and_how_is_kept() -> None:
    store = Store()
    entry = {"manager": "tidegate", "operation": "Update", "fieldsV1": {"f:data": {}}, "time": "x"}
    given = thing()
    given["metadata"]["managedFields"] = [entry, {**entry, "subresource": "status"}]
    store.put(given)
    kept = store.get(KEY)
    assert kept
    assert kept["metadata"]["managedFields"] == [
        {"manager": "tidegate", "operation": "Update"},
        {"manager": "tidegate", "operation": "Update", "subresource": "status"},
    ]
    assert given["metadata"]["managedFields"][0] == entry


def test_of_autoscalers_conditions_are_news_and_what_they_measure_is_not() -> None:
    """They measure every 15 s."""

    def saying(version: int, measured: int, active: str) -> dict[str, Any]:
        conditions = [{"type": "ScalingActive", "status": active}]
        status = {"currentReplicas": measured, "conditions": conditions}
        return {**thing(version, kind="HorizontalPodAutoscaler"), "spec": {}, "status": status}

    store = Store()
    said = (saying(1, 1, "True"), saying(2, 2, "True"), saying(3, 2, "False"))
    assert [store.put(each) for each in said] == [True, False, True]
