"""Passes in which something is refused: what is told, what goes on, and what waits."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.control.passes import OTHER, SERVICE, Place
from tests.support.builders import condition, key_of, managed_tier, model, policy, verdict
from tidegate import names
from tidegate.cluster.client import Invalid, Refused
from tidegate.control.reconcile import STALLED_CHECK
from tidegate.errors import Unavailable
from tidegate.plan.plan import ObjectKey


@pytest.mark.parametrize(
    ("owner", "first", "then"),
    [(policy(), "ServiceAccount", "Deployment"), (managed_tier(), "Secret", "StatefulSet")],
    ids=["policy", "tier"],
)
async def test_children_that_need_anothers_uid_follow_it_at_once(owner: dict[str, Any], first: str, then: str) -> None:
    """Not behind a thousand others that wait for their turn."""
    place = Place(owner)
    assert await place.run(owner) != 0.0
    made = [kind for what, kind in place.written if what == "create"]
    assert made.index(first) < made.index(then)


@pytest.mark.parametrize("owner", [model(), policy(), managed_tier()], ids=["model", "policy", "tier"])
async def test_everything_is_made_after_the_status_and_then_nothing_more(owner: dict[str, Any]) -> None:
    place = Place(owner)
    await place.run(owner)
    assert place.written[0] == ("status", owner["kind"])
    assert {what for what, _ in place.written[1:]} == {"create"}
    for _ in range(3):
        place.watch()
        await place.run(owner)
    assert place.written == []
    assert place.news == []


async def test_a_child_that_was_changed_is_mended() -> None:
    place = Place(model())
    await place.run(model())
    spec = place.api.objects[SERVICE]["spec"]
    place.api.changed_by_others(SERVICE, spec={**spec, "ports": [{**spec["ports"][0], "port": 81}]})
    place.watch()
    await place.run(model())
    assert place.written == [("apply", "Service")]
    assert place.api.objects[SERVICE]["spec"]["ports"][0]["port"] == 80


async def test_a_child_that_was_deleted_comes_back() -> None:
    place = Place(model())
    await place.run(model())
    del place.api.objects[SERVICE]
    place.store.drop(SERVICE)
    await place.run(model())
    assert place.written == [("create", "Service")]


@pytest.mark.parametrize("owner", [None, {"deletionTimestamp": "2026-03-01T00:00:00Z"}], ids=["gone", "going"])
async def test_nothing_is_done_for_what_goes(owner: dict[str, Any] | None) -> None:
    manifest = model()
    manifest["metadata"] |= owner or {}
    place = Place(*([manifest] if owner else []))
    assert await place.run(model()) is None
    assert place.written == []


async def test_only_a_person_can_help() -> None:
    owner = model(engine={"gpus": {"count": 8}, "parallelism": {"tensor": 16}})
    place = Place(owner)
    assert await place.run(owner) == STALLED_CHECK
    assert verdict(place.status(owner)) == ("False", "False", "True")
    assert condition(place.status(owner), "Stalled")["reason"] == "LeaderWorkerSetMissing"
    assert place.written == [("status", "ModelDeployment")]
    await place.run(owner)
    assert place.written == []


async def test_a_manifest_that_an_older_crd_let_through() -> None:
    owner = model(replicas=-1)
    place = Place(owner)
    assert await place.run(owner) == STALLED_CHECK
    stalled = condition(place.status(owner), "Stalled")
    assert (stalled["reason"], stalled["message"]) == ("InvalidSpec", "spec.replicas: must be at least 0, not -1")


def stranger() -> dict[str, Any]:
    """A Service of somebody else with the model's name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "llama", "namespace": "shop", "uid": "x", "resourceVersion": "3"},
        "spec": {"ports": []},
    }


async def test_a_name_that_is_taken() -> None:
    place = Place(model(), stranger())
    place.store.drop(SERVICE)  # it has none of our labels: nobody watches it
    assert await place.run(model()) == STALLED_CHECK
    status = place.status(model())
    assert verdict(status) == ("False", "False", "True")
    assert condition(status, "Stalled")["reason"] == "NameTaken"
    assert place.api.objects[SERVICE] == stranger()


async def test_what_stays_stalled_does_not_flap() -> None:
    place = Place(model(), stranger())
    place.store.drop(SERVICE)
    await place.run(model())
    before = copy.deepcopy(place.api.objects[key_of(model())])
    for _ in range(3):
        assert await place.run(model()) == STALLED_CHECK
        assert ("status", "ModelDeployment") not in place.written
        assert place.news == []
    assert place.api.objects[key_of(model())] == before


async def test_what_was_stalled_recovers() -> None:
    place = Place(model(), stranger())
    place.store.drop(SERVICE)
    await place.run(model())
    assert ("create", "Deployment") in place.written, "what is refused stops nothing else"
    del place.api.objects[SERVICE]
    assert await place.run(model()) != STALLED_CHECK
    assert verdict(place.status(model())) == ("False", "True", "False")
    assert place.written == [("create", "Service"), ("status", "ModelDeployment")]


async def test_a_refusal_that_comes_and_goes_with_silence_does_not_flap() -> None:
    place = Place(model())
    place.api.failures["create", SERVICE] = Refused("exceeded quota")
    assert await place.run(model()) == STALLED_CHECK
    before = copy.deepcopy(place.api.objects[key_of(model())])
    for _ in range(2):
        place.api.failures["create", SERVICE] = Unavailable("no answer")
        with pytest.raises(Unavailable):
            await place.run(model())
        assert place.news == []
        place.api.failures["create", SERVICE] = Refused("exceeded quota")
        assert await place.run(model()) == STALLED_CHECK
        assert place.news == []
        assert place.api.objects[key_of(model())] == before
    assert await place.run(model()) != STALLED_CHECK
    assert verdict(place.status(model())) == ("False", "True", "False")


def of_revision(place: Place, revision: str) -> set[str]:
    """Kinds of what is there of a revision."""
    return {key.kind for key in place.api.objects if key.name.startswith(f"llama-{revision}")}


async def test_what_had_no_traffic_goes_although_the_stable_service_is_refused() -> None:
    """B never answered, and C took its place; the Service is refused for another reason all the while."""
    place = Place(model())
    await place.run(model())
    (a,) = (r["name"] for r in place.status(model())["revisions"])
    engines = ObjectKey("apps/v1", "Deployment", "shop", f"llama-{a}")
    place.api.changed_by_others(engines, status={"readyReplicas": 1, "replicas": 1})
    place.watch()
    place.store.put(place.api.changed_by_others(key_of(model()), spec=OTHER["spec"]))
    await place.run(model())
    b = next(r["name"] for r in place.status(model())["revisions"] if r["role"] == "Candidate")
    assert "Deployment" in of_revision(place, b)
    spec = place.api.objects[SERVICE]["spec"]
    place.api.changed_by_others(SERVICE, spec={**spec, "ports": [{**spec["ports"][0], "port": 81}]})
    place.watch()
    third = model(source={"uri": "hf://acme/third"})
    place.store.put(place.api.changed_by_others(key_of(model()), spec=third["spec"]))
    place.api.failures["apply", SERVICE] = Refused("no Services today")
    assert await place.run(model()) == STALLED_CHECK
    assert of_revision(place, b) == set()
    assert "Deployment" in of_revision(place, a)


async def test_what_the_stable_service_sends_to_waits_for_it() -> None:
    place = Place(model())
    await place.run(model())
    (a,) = (r["name"] for r in place.status(model())["revisions"])
    place.watch()
    place.store.put(place.api.changed_by_others(key_of(model()), spec=OTHER["spec"]))
    place.api.failures["json_patch", SERVICE] = Refused("no Services today")
    place.api.failures["apply", SERVICE] = Refused("no Services today")
    assert await place.run(model()) == STALLED_CHECK
    assert "Deployment" in of_revision(place, a), "it never answered, but it is where the Service sends to"
    place.api.failures.clear()
    await place.run(model())
    assert of_revision(place, a) == set()


async def test_a_new_spec_is_announced_even_if_the_last_one_stalled() -> None:
    place = Place(model(), stranger())
    place.store.drop(SERVICE)
    await place.run(model())
    place.api.changed_by_others(key_of(model()), spec=model(replicas=2)["spec"])
    place.watch()
    place.store.drop(SERVICE)
    await place.run(model())
    assert place.written[0] == ("status", "ModelDeployment")
    assert place.status(model())["observedGeneration"] == 2
    assert verdict(place.status(model())) == ("False", "False", "True")


async def test_a_refusal_is_reported_in_the_servers_words() -> None:
    place = Place(model())
    place.api.failures["create", SERVICE] = Refused("exceeded quota: services")
    assert await place.run(model()) == STALLED_CHECK
    stalled = condition(place.status(model()), "Stalled")
    assert (stalled["reason"], stalled["message"]) == ("Refused", "exceeded quota: services")


async def test_failures_are_told_together_and_the_others_go_on() -> None:
    place = Place(model())
    account = ObjectKey("v1", "ServiceAccount", "shop", names.engine_account("llama"))
    place.api.failures["create", SERVICE] = Refused("exceeded quota: services")
    place.api.failures["create", account] = Refused("exceeded quota: accounts")
    assert await place.run(model()) == STALLED_CHECK
    assert condition(place.status(model()), "Stalled")["message"] == (
        "ServiceAccount llama-engine: exceeded quota: accounts; Service llama: exceeded quota: services"
    )
    assert ("create", "Deployment") in place.written


async def test_what_passes_by_itself_and_what_does_not_at_once() -> None:
    """A person is told at once, and the rest is tried again with back-off."""
    place = Place(model())
    account = ObjectKey("v1", "ServiceAccount", "shop", names.engine_account("llama"))
    place.api.failures["create", SERVICE] = Refused("exceeded quota")
    place.api.failures["create", account] = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await place.run(model())
    assert condition(place.status(model()), "Stalled")["message"] == "exceeded quota"
    assert await place.run(model()) != STALLED_CHECK
    assert verdict(place.status(model())) == ("False", "True", "False")


async def test_a_workload_waits_for_its_record() -> None:
    place = Place(model())
    await place.run(model())
    (record,) = (key for key in place.api.objects if key.kind == "ControllerRevision")
    fresh = Place(model())
    fresh.api.failures["create", record] = Refused("exceeded quota")
    assert await fresh.run(model()) == STALLED_CHECK
    assert ("create", "Deployment") not in fresh.written
    assert ("create", "PodDisruptionBudget") in fresh.written


async def test_a_status_that_is_refused_is_told() -> None:
    place = Place(model())
    place.api.failures["status", key_of(model())] = Invalid("status.revisions: too many")
    assert await place.run(model()) == STALLED_CHECK
    stalled = condition(place.status(model()), "Stalled")
    assert (stalled["reason"], stalled["message"]) == ("StatusRefused", "status.revisions: too many")
    assert {what for what, _ in place.written} == {"status"}, "nothing happens that no status authorised"
    place.api.failures["status", key_of(model())] = Invalid("status.revisions: too many")
    before = copy.deepcopy(place.status(model()))
    assert await place.run(model()) == STALLED_CHECK
    assert place.status(model()) == before, "it does not flap"
    await place.run(model())
    assert ("create", "Deployment") in place.written
