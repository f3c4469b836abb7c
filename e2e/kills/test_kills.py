"""Promise: whatever is killed comes back by itself; requests that do not pass through it never notice, and nothing is made
twice. Under 200 streams and 200 requests/s."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial

import pytest

from e2e import operators
from e2e.load.heavy import HeavyLoad
from e2e.load.report import Tally
from e2e.load.stage import Stage

pytestmark = [pytest.mark.cluster, pytest.mark.long]


def _kill(stage: Stage, find: Callable[[], int]) -> Tally:
    """SIGKILL under load; returns what the load saw, once all is as before and a change has gone live."""
    uids, restarts = stage.uids(), stage.restarts()
    with HeavyLoad(stage.place).running() as tally:
        pid = find()
        os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        stage.wait(lambda: find() not in (0, pid), "it runs again")
        print(f"it runs again after {time.monotonic() - begin:.2f} s")
        stage.wait(stage.everything_runs, "every Pod is ready")
        print(f"all is ready after {time.monotonic() - begin:.2f} s")
        _change(stage)
        print(f"a change is live after {time.monotonic() - begin:.2f} s")
    print(stage.warnings(time.time() - (time.monotonic() - begin)))
    print(f"failed {tally.failed}, cut {tally.cut} of {sum(tally.answers.values())}")
    assert stage.uids() == uids, "nothing was deleted, nothing was made"
    more = {name: count - restarts.get(name, 0) for name, count in stage.restarts().items()}
    assert sum(more.values()) <= 1, more
    return tally


def _change(stage: Stage) -> None:
    """One edit of each kind, until routers and engines follow."""
    request = int(time.time()) % 1000 + 600
    stage.edit("routingpolicies", "front", {"timeouts": {"request": f"{request}s"}})
    stage.edit("modeldeployments", "small", {"drain": {"timeout": f"{request % 30 + 30}s"}})
    stage.ready()


def test_the_operator(stage: Stage) -> None:
    cluster = stage.place.cluster
    leader = operators.leader(cluster)
    assert _kill(stage, partial(operators.pid, cluster, leader)).harm == ([], 0, 0)


def test_a_brain(stage: Stage) -> None:
    router = stage.routers()[0]
    assert _kill(stage, partial(stage.pid, router, "brain")).harm == ([], 0, 0)


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
    assert _kill(stage, lambda: cluster.processes.get(part, 0)).harm == ([], 0, 0)


def test_a_store(stage: Stage) -> None:
    [store] = stage.items("pods", "tidegate.dev/role=store")
    assert _kill(stage, partial(stage.pid, store, "valkey")).harm == ([], 0, 0)
    stage.place.ready("ctier/shared")
