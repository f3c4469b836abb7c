"""The claim and the sweeper of a tier: beside a store, and none of its Pods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, live, managed_tier, pod
from tidegate import names
from tidegate.plan.cache import kv
from tidegate.plan.cache.plan import plan_cache
from tidegate.plan.kube.objects import store_labels
from tidegate.plan.plan import Plan
from tidegate.plan.world import CacheWorld


def tier(**spec: Any) -> dict[str, Any]:
    found = managed_tier()
    return found | {"spec": found["spec"] | {"kv": {"size": "100Gi"} | spec}}


def planned(owner: dict[str, Any], **world: Any) -> Plan:
    return plan_cache(CacheWorld(owner, DEFAULTS, new_password="p", **world), NOW)


def made(plan: Plan, kind: str) -> Any:
    [found] = [m for m in plan.apply if m["kind"] == kind]
    return found


@pytest.mark.parametrize(
    ("ready", "phase", "status", "reason"),
    [(True, {}, "True", "AsSpecified"), (None, {}, "False", "KVStarting"), (False, {}, "False", "KVStarting")],
)
def test_ready_is_whether_the_sweeper_is(ready: bool | None, phase: Any, status: str, reason: str) -> None:
    pods = () if ready is None else (pod("kv", kv.labels("shared"), ready=ready, **phase),)
    plan = planned(tier(), pods=pods)
    [said] = [c for c in plan.status["conditions"] if c["type"] == "KVReady"]
    assert (said["status"], said["reason"]) == (status, reason)


def test_a_sweeper_is_no_store() -> None:
    both = (pod("kv", kv.labels("shared")), pod("store", store_labels("shared")))
    world = kv.without_sweepers(CacheWorld(tier(), DEFAULTS, pods=both))
    assert [found["metadata"]["name"] for found in world.pods] == ["store"]
    assert [found["metadata"]["name"] for found in kv.sweepers(CacheWorld(tier(), DEFAULTS, pods=both))] == ["kv"]


def test_a_claim_grows_and_does_not_shrink() -> None:
    claim = live(made(planned(tier()), "PersistentVolumeClaim"))
    sizes = [
        made(planned(tier(size=size), children=(claim,)), "PersistentVolumeClaim")["spec"]["resources"]["requests"]
        for size in ("10Gi", "200Gi")
    ]
    assert sizes == [{"storage": "128000Mi"}, {"storage": "256000Mi"}]


def test_what_is_taken_out_goes_and_what_is_somebody_elses_stays() -> None:
    children = tuple(live(m) for m in planned(tier()).apply)
    plan = planned(managed_tier(), children=children)
    assert sorted(key.kind for key in plan.delete) == ["Deployment", "PersistentVolumeClaim"]
    assert {key.name for key in plan.delete} == {names.kv_tier("shared")}
    assert planned(tier(), children=children).delete == ()


@pytest.mark.parametrize(("ready", "status", "reason"), [(True, "True", "Serving"), (False, "False", "KVStarting")])
def test_a_tier_of_nothing_but_blocks_is_ready_when_they_are_looked_after(
    ready: bool, status: str, reason: str
) -> None:
    owner = tier() | {"spec": {"kv": {"size": "100Gi"}}}
    plan = planned(owner, pods=(pod("kv", kv.labels("shared"), ready=ready),))
    [said] = [c for c in plan.status["conditions"] if c["type"] == "Ready"]
    assert (said["status"], said["reason"]) == (status, reason)
    assert {m["kind"] for m in plan.apply} == {"PersistentVolumeClaim", "Deployment"}
