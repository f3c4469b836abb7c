"""Promise: what hangs for a minute harms only the requests that pass through it, leaves by its probe, and all is well when
it goes on. Under 200 streams and 200 requests/s."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import httpx
import pytest

from e2e import operators
from e2e.harness import Object
from e2e.load.heavy import HeavyLoad
from e2e.load.report import Tally
from e2e.load.stage import Stage, is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.long]
HANG = 60.0
LEAVES = 20.0
"""Seconds until a hung router or engine has failed its readiness probes and everybody knows."""


@contextmanager
def _under_load(stage: Stage) -> Iterator[Tally]:
    """Hang something in the block, and let it go on; afterwards all is as before, and a change goes live."""
    uids, begin = stage.uids(), time.time()
    with HeavyLoad(stage.place).running() as tally:
        yield tally
        goes_on = time.monotonic()
        stage.wait(stage.everything_runs, "every Pod is ready", 120)
        print(f"all is ready {time.monotonic() - goes_on:.1f} s after it goes on")
        _change(stage)
        print(f"a change is live {time.monotonic() - goes_on:.1f} s after it goes on")
    print(stage.warnings(begin))
    print(f"failed {tally.failed}, cut {tally.cut} of {sum(tally.answers.values())}, {tally.first_byte}")
    assert stage.uids() == uids, "nothing was deleted, nothing was made"


def _change(stage: Stage) -> None:
    stage.edit("routingpolicies", "front", {"timeouts": {"request": f"{int(time.time()) % 1000 + 600}s"}})
    stage.ready()


def _stop(pid: int, meanwhile: Callable[[], None] = lambda: None) -> float:
    """SIGSTOP for HANG seconds, or until its liveness probe has ended it; returns when it began, in Unix time. `meanwhile`
    is looked at while it hangs."""
    begin, until = time.time(), time.monotonic() + HANG
    os.kill(pid, signal.SIGSTOP)
    try:
        meanwhile()
        time.sleep(max(0.0, until - time.monotonic()))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    return begin


def _leaves(stage: Stage, pod: Object) -> None:
    name = pod["metadata"]["name"]
    stage.wait(lambda: not is_ready(stage.get("pods", name)), f"{name} is not ready", LEAVES)


def test_the_operator(stage: Stage) -> None:
    cluster = stage.place.cluster
    leader = operators.leader(cluster)

    def another_leads() -> None:
        stage.wait(lambda: operators.leader(cluster) != leader, "another one leads", 30)
        _change(stage)

    with _under_load(stage) as tally:
        _stop(operators.pid(cluster, leader), another_leads)
    assert tally.harm == ([], 0, 0)


def test_a_brain(stage: Stage) -> None:
    router = stage.routers()[0]
    with _under_load(stage) as tally:
        _stop(stage.pid(router, "brain"), partial(_leaves, stage, router))
    assert tally.harm == ([], 0, 0)


def test_an_envoy(stage: Stage) -> None:
    router = stage.routers()[0]
    with _under_load(stage) as tally:
        begin = _stop(stage.pid(router, "envoy"), partial(_leaves, stage, router))
    assert {failure.router for failure in tally.failures} == {router["status"]["podIP"]}
    assert max(failure.began for failure in tally.failures) < begin + LEAVES, "it left the Service"


def test_an_engine(stage: Stage) -> None:
    engine = stage.engines()[0]
    with _under_load(stage) as tally:
        begin = _stop(stage.pid(engine, "engine"), partial(_leaves, stage, engine))
    _only_through(tally, engine)
    assert max(failure.began for failure in tally.failures) < begin + LEAVES, "it left its Service"


def test_an_engine_that_says_it_is_well(stage: Stage) -> None:
    """No probe finds out; the balancer sees that it is busy and prefers others."""
    engine = stage.engines()[0]
    url = stage.place.cluster.forward_address(engine["status"]["podIP"], 8000)
    with _under_load(stage) as tally:
        httpx.post(f"{url}/sim/faults", json={"hang": True}).raise_for_status()
        time.sleep(HANG)
        httpx.post(f"{url}/sim/faults", json={"hang": False}).raise_for_status()
    _only_through(tally, engine)
    assert tally.answers[200] > 0.8 * sum(tally.answers.values())


def _only_through(tally: Tally, engine: Object) -> None:
    """Streams on other engines end well; what this one never answered was given up by the client."""
    for failure in tally.failures:
        assert failure.engine in ("", engine["metadata"]["name"])
        assert failure.what.startswith("silent"), failure


@pytest.mark.parametrize("part", ["kubelet-node1", "etcd", "kube-apiserver"])
def test_a_part_of_kubernetes(stage: Stage, part: str) -> None:
    with _under_load(stage) as tally:
        _stop(stage.place.cluster.processes[part])
    assert tally.harm == ([], 0, 0)


def test_a_store(stage: Stage) -> None:
    [store] = stage.items("pods", "tidegate.dev/role=store")
    with _under_load(stage) as tally:
        _stop(stage.pid(store, "valkey"), partial(_leaves, stage, store))
        stage.place.ready("ctier/shared")
    assert tally.harm == ([], 0, 0)
