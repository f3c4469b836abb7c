"""What the operator is told about its platform reaches every Pod: addresses, users, last words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, managed_tier, model, policy
from tidegate.plan.cache.plan import plan_cache
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Plan
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import CacheWorld, Capabilities, Defaults, ModelWorld, RouterWorld
from tidegate.settings import from_environment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
USER = {"runAsUser", "runAsGroup", "fsGroup"}
ADAPTER = {"adapters": [{"name": "a", "uri": "hf://acme/lora@v1"}]}
GROUP = {"gpus": {"count": 8}, "parallelism": {"tensor": 8, "pipeline": 2}}


def plans(defaults: Defaults) -> dict[str, Plan]:
    """Everything that makes Pods."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "uid": "b"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shared-store", "uid": "c"}}
    group = Capabilities(leader_worker_set=True)
    return {
        "engine": plan_model(ModelWorld(model(source=ADAPTER), defaults), NOW),
        "group": plan_model(ModelWorld(model(source=ADAPTER, engine=GROUP), defaults, group), NOW),
        "router": plan_router(RouterWorld(policy(), defaults, (account,)), NOW),
        "store": plan_cache(CacheWorld(managed_tier(), defaults, (secret,)), NOW),
    }


def pods(thing: Any) -> Iterator[dict[str, Any]]:
    """Every PodSpec inside: workloads, and the templates that ControllerRevisions keep."""
    if isinstance(thing, dict):
        if "containers" in thing:
            yield thing
        thing = list(thing.values())
    if isinstance(thing, list):
        for each in thing:
            yield from pods(each)


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.mark.parametrize("what", plans(DEFAULTS))
def test_users_are_named_or_left_to_the_platform(what: str) -> None:
    for assigned, wanted in [(True, USER), (False, set())]:
        found = list(pods(list(plans(replace(DEFAULTS, assign_user=assigned))[what].apply)))
        assert found
        for pod in found:
            assert pod["securityContext"].keys() & USER == wanted
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert not any(container["securityContext"].keys() & USER for container in containers(pod))


@pytest.mark.parametrize("what", plans(DEFAULTS))
def test_every_containers_last_words_are_kept(what: str) -> None:
    found = [container for pod in pods(list(plans(DEFAULTS)[what].apply)) for container in containers(pod)]
    assert found
    assert {container["terminationMessagePolicy"] for container in found} == {"FallbackToLogsOnError"}


@pytest.mark.parametrize("address", ["::", "0.0.0.0"])
def test_servers_listen_where_they_are_told(address: str) -> None:
    made = plans(replace(DEFAULTS, bind_address=address))
    for what in ("engine", "group"):
        for pod in pods(list(made[what].apply)):
            args = pod["containers"][0]["args"]
            assert args[args.index("--host") + 1] == address
    for pod in pods(list(made["router"].apply)):
        assert {"name": "TIDEGATE_BIND_ADDRESS", "value": address} in pod["initContainers"][0]["env"]


def test_a_store_listens_on_both_families() -> None:
    [store] = pods(list(plans(DEFAULTS)["store"].apply))
    assert store["containers"][0]["args"][:3] == ["--bind", "*", "-::*"]


def test_settings() -> None:
    assert (from_environment({}).defaults.bind_address, from_environment({}).defaults.assign_user) == ("::", True)
    told = from_environment({"TIDEGATE_BIND_ADDRESS": "0.0.0.0", "TIDEGATE_ASSIGN_USER": "false"}).defaults
    assert (told.bind_address, told.assign_user) == ("0.0.0.0", False)
