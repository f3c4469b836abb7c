"""Promise: when a machine is lost, with engines and a router on it, the other router goes on without an error; what comes
in through the lost one fails until Kubernetes takes it out of the Service. Under 200 streams and 200 requests/s."""

from __future__ import annotations

import time

import pytest

from e2e.harness import Object, Place
from e2e.load.heavy import HeavyLoad
from e2e.load.report import Failure
from e2e.load.stage import Stage, is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.long]
LOST = 2
NOTICED = 25.0
"""Seconds until the node is NotReady (16 here; usually 50) and its router is out of the Service."""
IN_FLIGHT = 6.0
"""Seconds that a stream lasts, and a little more: those that had begun on a lost engine end there."""
RETRIED = 5.0
"""Seconds within which 99 of 100 short answers begin: 2 until a connection counts as failed, and the second attempt."""
NOBODY = ""
"""Who answers connections that vanish: only those to the lost router do."""


def test_a_node_is_lost_and_comes_back(place: Place) -> None:
    stage = Stage.set_up(place, engines=4)
    routers, engines = _on_lost(stage.routers()), _on_lost(stage.engines())
    assert len(routers) == 1
    assert 0 < len(engines) < 4
    load = HeavyLoad(place)
    with load.running() as tally:
        lost = time.time()
        place.cluster.node_down(LOST)
        stage.wait(
            lambda: not any(is_ready(pod) for pod in _on_lost(stage.routers())), "the router is not ready", NOTICED
        )
        noticed = time.time()
        time.sleep(IN_FLIGHT)  # nothing may fail any more: that takes its time to be seen
        place.cluster.node_up(LOST)
        stage.wait(lambda: all(map(is_ready, [*stage.engines(), *stage.routers()])), "all Pods are ready again")
        returned = time.time()
        answers = {pod["metadata"]["name"]: tally.engines[pod["metadata"]["name"]] for pod in engines}
        stage.wait(lambda: all(tally.engines[name] > count for name, count in answers.items()), "its engines answer")
        stage.ready()
    address = routers[0]["status"]["podIP"]
    through = [failure for failure in tally.failures if failure.router in (address, NOBODY)]
    others = [failure for failure in tally.failures if failure not in through]
    print(f"noticed after {noticed - lost:.1f} s, all is back {returned - noticed - IN_FLIGHT:.1f} s after the node")
    print(f"failed {tally.failed}, cut {tally.cut} of {sum(tally.answers.values())}; through the other {len(others)}")
    print(tally.first_byte, stage.warnings(lost))
    _print_spread(through, lost)
    _print_spread(others, lost)
    assert [failure for failure in others if not failure.cut] == []
    assert {failure.engine for failure in others} <= {pod["metadata"]["name"] for pod in engines}
    assert all(failure.began < lost + 1 for failure in others), "no stream began on a lost engine"
    assert all(failure.began < noticed + 2 for failure in through), "the Service has forgotten the lost router"
    assert {failure.what for failure in through if failure.router == NOBODY} <= {"no connection: TimeoutError"}
    assert tally.first_byte["short"][1] < RETRIED


def _on_lost(pods: list[Object]) -> list[Object]:
    return [pod for pod in pods if pod["spec"].get("nodeName") == f"node{LOST}"]


def _print_spread(failures: list[Failure], lost: float) -> None:
    begins = sorted(failure.began - lost for failure in failures)
    ends = sorted(failure.at - lost for failure in failures)
    if failures:
        print(
            f"begun {begins[0]:.1f} to {begins[-1]:.1f} s after the loss, known {ends[0]:.1f} to {ends[-1]:.1f} s after it"
        )
