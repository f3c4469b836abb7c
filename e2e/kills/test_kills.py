"""Promise: whatever is killed comes back by itself; requests that do not pass through it never notice, and nothing is made
twice. Under 200 streams and 200 requests/s."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from e2e.devcluster import Cluster
from e2e.harness import API, Place
from e2e.install import NAMESPACE
from e2e.load.heavy import HeavyLoad
from e2e.load.report import Tally
from e2e.load.stage import Stage, is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.long]
STORE = {"managed": {"memory": "64Mi", "storage": {"size": "1Gi", "retention": {"whenDeleted": "Delete"}}}}


@pytest.fixture(scope="module")
def stage(installed: Cluster) -> Iterator[Stage]:
    """One for all kills: each must leave it as it was."""
    place = Place.make(installed)
    place.apply({"apiVersion": API, "kind": "CacheTier", "metadata": {"name": "shared"}, "spec": {"store": STORE}})
    made = Stage.set_up(place)
    place.ready("ctier/shared")
    yield made
    installed.kubectl("delete", "namespace", place.name, "--wait=false")


def _kill(stage: Stage, find: Callable[[], int]) -> Tally:
    """SIGKILL under load; returns what the load saw, once all is as before and a change has gone live."""
    uids, restarts = stage.uids(), stage.restarts()
    with HeavyLoad(stage.place).running() as tally:
        pid = find()
        os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        stage.wait(lambda: find() not in (0, pid), "it runs again")
        print(f"it runs again after {time.monotonic() - begin:.2f} s")
        stage.wait(partial(_all_ready, stage), "every Pod is ready")
        print(f"all is ready after {time.monotonic() - begin:.2f} s")
        _change(stage)
        print(f"a change is live after {time.monotonic() - begin:.2f} s")
    print(stage.warnings(time.time() - (time.monotonic() - begin)))
    print(f"failed {tally.failed}, cut {tally.cut} of {sum(tally.answers.values())}")
    assert stage.uids() == uids, "nothing was deleted, nothing was made"
    more = {name: count - restarts.get(name, 0) for name, count in stage.restarts().items()}
    assert sum(more.values()) <= 1, more
    return tally


def _all_ready(stage: Stage) -> bool:
    operators = stage.place.cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
    return all(is_ready(pod) for pod in [*stage.items("pods"), *operators])


def _change(stage: Stage) -> None:
    """One edit of each kind, until routers and engines follow."""
    request = int(time.time()) % 1000 + 600
    stage.edit("routingpolicies", "front", {"timeouts": {"request": f"{request}s"}})
    stage.edit("modeldeployments", "small", {"drain": {"timeout": f"{request % 30 + 30}s"}})
    stage.ready()


def _unharmed(tally: Tally) -> None:
    assert (tally.failures[:3], tally.failed, tally.cut) == ([], 0, 0)


def test_the_operator(stage: Stage) -> None:
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/tidegate-operator"
    leader = stage.place.cluster.api.get(lease)["spec"]["holderIdentity"]
    _unharmed(_kill(stage, lambda: stage.place.cluster.container_pid(NAMESPACE, leader, "operator")))


def test_a_brain(stage: Stage) -> None:
    router = stage.routers()[0]
    _unharmed(_kill(stage, partial(stage.pid, router, "brain")))


def test_an_envoy(stage: Stage) -> None:
    router = stage.routers()[0]
    tally = _kill(stage, partial(stage.pid, router, "envoy"))
    refused = [failure for failure in tally.failures if not failure.router]
    assert {failure.router for failure in tally.failures} - {""} == {router["status"]["podIP"]}
    assert all("ConnectionRefused" in failure.what for failure in refused), "only what is dead refuses connections"
    assert tally.cut > 0


def test_an_engine(stage: Stage) -> None:
    engine = stage.engines()[0]
    tally = _kill(stage, partial(stage.pid, engine, "engine"))
    assert {failure.engine for failure in tally.failures} == {engine["metadata"]["name"]}
    assert tally.cut > 0
    assert tally.failed == 0, "what had not begun was tried again elsewhere"


@pytest.mark.parametrize("part", ["kubelet-node1", "etcd", "kube-apiserver"])
def test_a_part_of_kubernetes(stage: Stage, part: str) -> None:
    cluster = stage.place.cluster
    _unharmed(_kill(stage, lambda: cluster.processes.get(part, 0)))


def test_a_store(stage: Stage) -> None:
    [store] = stage.items("pods", "tidegate.dev/role=store")
    _unharmed(_kill(stage, partial(stage.pid, store, "valkey")))
    stage.place.ready("ctier/shared")
