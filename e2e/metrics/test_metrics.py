"""Promise: what Prometheus says of requests is what clients saw, one by one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from e2e.harness import Load, Place, Tally, model, policy
from e2e.monitoring import Prometheus
from tidegate.names import ENGINE_PORT, MODEL_LABEL, ROLE_LABEL, ROLE_ROUTER

pytestmark = pytest.mark.cluster
ROUTES = {"chat": [{"name": "small", "weight": 9}, {"name": "large", "weight": 1}]}
FLUSH = 2.0
"""Seconds after which Envoy has told its brain of a request that ended; it is one, and where the machine is busy what is counted is read again."""


@contextmanager
def _failing(place: Place, name: str) -> Iterator[None]:
    """Every engine of a model answers 500 while the block runs."""
    pods = place.items("pods", f"{MODEL_LABEL}={name}")
    urls = [place.cluster.forward_address(pod["status"]["podIP"], ENGINE_PORT) for pod in pods]
    try:
        for url in urls:
            httpx.post(f"{url}/sim/faults", json={"error_rate": 1.0}).raise_for_status()
        yield
    finally:
        for url in urls:
            httpx.post(f"{url}/sim/faults", json={"error_rate": 0.0}).raise_for_status()


def _counted(prometheus: Prometheus, place: Place) -> Counter[tuple[str, str]]:
    """By revision and outcome, all routers together; without what a router answers itself, such as /healthz."""
    found = prometheus.query(f'tidegate_requests_total{{namespace="{place.name}", revision!=""}}')
    counted: Counter[tuple[str, str]] = Counter()
    for sample in found:
        counted[sample.labels["revision"], sample.labels["outcome"]] += int(sample.value)
    return counted


def _after_a_scrape(prometheus: Prometheus, place: Place) -> None:
    """Waits until everything that has ended by now was told and scraped; Prometheus finds new Pods every 5 s."""
    told = time.time() + FLUSH
    routers = len(place.items("pods", f"{ROLE_LABEL}={ROLE_ROUTER}"))
    up = f'up{{job="tidegate-routers", namespace="{place.name}"}}'
    newest = f"timestamp({up}) > {told} and {up} == 1"
    place.wait(lambda: len(prometheus.query(newest)) == routers, "the routers were scraped")


def _comes_to(prometheus: Prometheus, place: Place, wanted: Counter[tuple[str, str]]) -> None:
    """Waits until all of that was counted; and no more is counted afterwards."""
    place.wait(lambda: _counted(prometheus, place) >= wanted, "all of it is counted")
    _after_a_scrape(prometheus, place)
    assert +_counted(prometheus, place) == +wanted


def _runs(place: Place, tally: Tally, name: str, kind: str, more: int) -> None:
    """Waits until clients saw so many more requests to a model end so."""
    [revision] = [entry["name"] for entry in place.get(f"mdep/{name}")["status"]["revisions"]]
    wanted = tally.outcomes[revision, kind] + more
    place.wait(lambda: tally.outcomes[revision, kind] >= wanted, f"{more} more {kind} of {name}")


def test_requests_by_revision_and_outcome(place: Place) -> None:
    prometheus = place.prometheus()
    place.apply(model("small"), model("large"), policy(routes=ROUTES, replicas=2))
    place.ready("mdep/small", "mdep/large", "rpol/front")
    with Load(place.router()).running(streams=4, tokens=20, short=4) as tally:
        _runs(place, tally, "large", "ok", 10)
        with _failing(place, "large"):
            _runs(place, tally, "large", "error", 20)
        _runs(place, tally, "large", "ok", 10)
        _runs(place, tally, "small", "ok", 100)
    _comes_to(prometheus, place, tally.outcomes)
    assert sum(tally.outcomes.values()) == sum(tally.answers.values())
    lost = prometheus.query(f'sum(envoy_access_logs_fluentd_records_entries_lost{{namespace="{place.name}"}})')
    assert sum(sample.value for sample in lost) == 0


def test_clients_that_leave_and_clients_that_ask_wrongly(place: Place) -> None:
    """Neither is an error: gates count neither."""
    prometheus = place.prometheus()
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    load = Load(place.router())
    url = f"{load.url}/v1/chat/completions"
    for _ in range(7):
        with httpx.stream("POST", url, json=load.body(2000, stream=True), timeout=30) as answer:
            assert next(answer.iter_raw())
    wrong = [httpx.post(url, json=load.body(-1, stream=False), timeout=30).status_code for _ in range(3)]
    assert wrong == [400, 400, 400]
    [revision] = [entry["name"] for entry in place.get("mdep/small")["status"]["revisions"]]
    _comes_to(prometheus, place, Counter({(revision, "cancelled"): 7, (revision, "client_error"): 3}))
