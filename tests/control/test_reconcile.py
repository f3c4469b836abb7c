"""Whole passes against an API server in memory: what is written, what is reported, what is raised."""

from __future__ import annotations

import asyncio
import copy

import pytest

from tests.control.passes import OTHER, SERVICE, Place
from tests.support.builders import condition, existing_tier, key_of, managed_tier, model, policy
from tidegate import names
from tidegate.errors import Conflict, Unavailable
from tidegate.plan.plan import ObjectKey


async def test_the_owner_changed_meanwhile() -> None:
    place = Place(model())
    newer = place.api.changed_by_others(key_of(model()), spec=model(replicas=2)["spec"])
    with pytest.raises(Conflict):
        await place.run(model())
    assert place.written == [("status", "ModelDeployment")]
    assert place.store.get(key_of(model())) == newer
    await place.run(model())
    assert ("create", "Deployment") in place.written


async def test_a_ghost_makes_nothing() -> None:
    """The owner was deleted unseen, and all that is left of it is our memory."""
    place = Place(model())
    await place.run(model())
    place.watch()
    place.api.objects.clear()
    place.store.drop(SERVICE)
    with pytest.raises(Conflict):
        await place.run(model())
    assert place.written == []
    assert place.store.get(key_of(model())) is None


async def test_a_child_changed_meanwhile() -> None:
    """Conflict about a child: the store is put right, and the next try succeeds."""
    place = Place(model())
    await place.run(model())
    place.watch()
    place.api.changed_by_others(SERVICE, uid="another")
    place.store.put(place.api.changed_by_others(key_of(model()), spec=OTHER["spec"]))
    with pytest.raises(Conflict):
        await place.run(model())
    known = place.store.get(SERVICE)
    assert known
    assert known["metadata"]["uid"] == "another"
    await place.run(model())
    assert ("apply", "Service") in place.written


async def test_what_nobody_wants_any_more_is_deleted() -> None:
    place = Place(model())
    await place.run(model())
    place.watch()
    place.store.put(place.api.changed_by_others(key_of(model()), spec=OTHER["spec"]))
    await place.run(model())
    deleted = sorted(key.kind for what, key in place.api.log if what == "delete")
    assert deleted == ["ControllerRevision", "Deployment", "PodDisruptionBudget", "Service"]


async def test_a_silent_api_server_is_tried_again() -> None:
    place = Place(model())
    place.api.failures["create", SERVICE] = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await place.run(model())
    await place.run(model())
    assert ("create", "Service") in place.written


async def test_a_claim_that_was_left_behind_is_taken_up_again() -> None:
    source = {"storage": {"claim": {"size": "1Gi", "retention": {"whenDeleted": "Retain"}}}}
    place = Place(model(source=source))
    await place.run(model(source=source))
    claim = ObjectKey("v1", "PersistentVolumeClaim", "shop", names.weights_claim("llama"))
    kept = copy.deepcopy(place.api.objects[claim])
    again = model(source=source)
    again["metadata"]["uid"] = "reborn"
    later = Place(again, kept)
    await later.run(again)
    assert later.api.objects[claim] == kept
    assert ("create", "Deployment") in later.written


async def test_an_event_for_each_transition() -> None:
    place = Place(model())
    await place.run(model())
    assert [event["note"] for event in place.news] == ["Ready is False: 0 of 1 engines answer"]


async def test_who_reads_what_was_written_is_woken() -> None:
    place = Place(model(), policy())
    await place.run(model())
    assert place.woken == [key_of(policy())]
    await place.run(model())
    assert place.woken == []


async def test_questions_of_the_newest_plan_are_asked() -> None:
    place = Place(managed_tier())
    await place.run(managed_tier())
    assert len(place.observer) == 1, "the store"
    await place.run(managed_tier())
    assert len(place.observer) == 2, "the store, and the Events of what should make its Pod"
    del place.api.objects[key_of(managed_tier())]
    place.store.drop(key_of(managed_tier()))
    await place.run(managed_tier())
    assert len(place.observer) == 0


async def test_an_answer_stands_in_the_next_status() -> None:
    place = Place(existing_tier())
    await place.run(existing_tier())
    assert condition(place.status(existing_tier()), "Ready")["message"].endswith("it was not asked yet")
    await asyncio.sleep(0.01)
    await place.run(existing_tier())
    assert condition(place.status(existing_tier()), "Ready")["message"] == "the store does not answer: no answer"


async def test_an_orphan_is_a_child_again() -> None:
    """`kubectl delete --cascade=orphan`, then the same manifest again: no engine is made anew."""
    place = Place(model())
    await place.run(model())
    left = {key: copy.deepcopy(o) for key, o in place.api.objects.items() if key != key_of(model())}
    for orphan in left.values():
        del orphan["metadata"]["ownerReferences"]
        orphan["metadata"]["resourceVersion"] = "9"
    again = model()
    again["metadata"]["uid"] = "reborn"
    later = Place(again, *left.values())
    await later.run(again)
    assert {what for what, _ in later.written} == {"status", "apply", "adopt"}
    for key, before in left.items():
        after = later.api.objects[key]
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert [ref["uid"] for ref in after["metadata"]["ownerReferences"]] == ["reborn"]
    assert len(later.api.objects) == len(left) + 1
    await later.run(again)
    assert later.written == []
