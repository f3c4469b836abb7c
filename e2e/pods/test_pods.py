"""Promise: Pods start where people run them, say why they do not, and are gone at once while they serve nobody."""

from __future__ import annotations

import time
from typing import Any

import pytest

from e2e.harness import API, Object, Place, engine_env, model, policy

pytestmark = pytest.mark.cluster

GONE_WITHIN = 60
"""Seconds: five of the preStop hook, and what a busy machine adds. The drain's time is ten minutes."""
ENGINES = "tidegate.dev/model=small"
BOTH_FAMILIES = "import socket; [socket.create_connection((host, {port}), 5).close() for host in ('127.0.0.1', '::1')]"


def engines(place: Place) -> list[Object]:
    return place.items("pods", ENGINES)


def engine_status(place: Place) -> Object:
    """Status of the first engine's container; empty while there is none."""
    for pod in engines(place):
        for status in pod.get("status", {}).get("containerStatuses", []):
            return dict(status)
    return {}


def test_an_engine_that_loads_is_gone_in_seconds(place: Place) -> None:
    """vLLM handles SIGTERM once it has loaded; as PID 1 it would lose it, and hold its GPU for the whole grace period."""
    place.apply(model(engine={"env": engine_env(LOAD_SECONDS=600)}, drain={"timeout": "10m"}))
    place.wait(lambda: engine_status(place).get("started") is not None, "the engine's container is there")
    place.wait(lambda: "running" in engine_status(place).get("state", {}), "the engine loads")
    [loading] = [pod["metadata"]["name"] for pod in engines(place)]
    start = time.monotonic()
    place.kubectl("delete", "pod", loading, "--wait=false")
    gone = f"{loading} is gone"
    place.wait(lambda: loading not in [pod["metadata"]["name"] for pod in engines(place)], gone, GONE_WITHIN)
    print(f"gone after {time.monotonic() - start:.1f} s")


def test_a_crashing_engines_own_words_reach_the_model(place: Place) -> None:
    place.apply(model(engine={"args": ["--not-a-flag"]}))
    words = "unrecognized arguments: --not-a-flag"

    def last_message() -> str:
        terminated: Object = engine_status(place).get("lastState", {}).get("terminated", {})
        return str(terminated.get("message", ""))

    place.wait(lambda: words in last_message(), "the container's status has the last lines of its log")
    place.wait(lambda: words in place.condition("mdep/small", "Ready").get("message", ""), "the model says so, too")


def test_a_volume_of_one_node_keeps_its_engines_there_through_a_change(place: Place) -> None:
    storage = {"claim": {"size": "1Gi", "accessMode": "ReadWriteOnce"}}
    place.apply(model(model={"storage": storage}, replicas=2))
    place.ready("mdep/small")
    place.apply(model(model={"storage": storage}, engine={"maxNumSeqs": 8}, replicas=2))
    place.ready("mdep/small")
    assert len({pod["spec"]["nodeName"] for pod in engines(place)}) == 1


def limited(memory: str) -> dict[str, Any]:
    """Resources of a container in a namespace in which memory is counted."""
    return {"resources": {"limits": {"memory": memory}}}


def test_a_quota_on_memory_limits_is_met(place: Place) -> None:
    quota = {"hard": {"limits.memory": "8Gi"}}
    place.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "memory"}, "spec": quota})
    place.apply(
        model(engine=limited("1Gi")),
        policy(router={"replicas": 1, **limited("200Mi"), "brain": limited("100Mi")}),
    )
    place.ready("mdep/small", "rpol/front")
    place.router()


def test_every_server_listens_on_both_families(place: Place) -> None:
    tier = {"store": {"managed": {"memory": "64Mi"}}}
    place.apply(
        model(), policy(), {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": "shared"}, "spec": tier}
    )
    place.ready("mdep/small", "rpol/front", "ctier/shared")
    for role, container, port in [("engine", "engine", 8000), ("router", "brain", 8080), ("store", "valkey", 6379)]:
        [pod] = place.items("pods", f"tidegate.dev/role={role}")
        check = ["python3", "-c", BOTH_FAMILIES.format(port=port)]
        place.kubectl("exec", pod["metadata"]["name"], "-c", container, "--", *check)
