"""Promise: manifests/monitoring/prometheus.yaml is a whole Prometheus, which sees all that Tidegate runs and may do no more."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from e2e.harness import Load, Place, model, policy
from e2e.install import NAMESPACE
from e2e.monitoring import NAMESPACE as WATCHES

pytestmark = pytest.mark.cluster
ACCOUNT = f"system:serviceaccount:{WATCHES}:prometheus"


def _up(place: Place, job: str, namespace: str) -> list[dict[str, str]]:
    """Labels of what was scraped with success."""
    found = place.prometheus().query(f'up{{job="tidegate-{job}", namespace="{namespace}"}} == 1')
    return [
        {key: sample.labels[key] for key in sample.labels.keys() - {"job", "instance", "__name__"}} for sample in found
    ]


def _pods(place: Place, selector: str, **labels: str) -> list[dict[str, str]]:
    """What is expected to be up."""
    names = [pod["metadata"]["name"] for pod in place.items("pods", selector)]
    return [{"namespace": place.name, "pod": name, **labels} for name in names]


def _same(one: list[dict[str, str]], other: list[dict[str, str]]) -> bool:
    def key(labels: dict[str, str]) -> Any:
        return sorted(labels.items())

    return sorted(one, key=key) == sorted(other, key=key)


def test_it_scrapes_routers_engines_and_operators(place: Place) -> None:
    place.apply(model(replicas=2), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    [active] = place.get("mdep/small")["status"]["revisions"]
    engine = {"tidegate_dev_model": "small", "tidegate_dev_revision": active["name"]}
    engines = _pods(place, "tidegate.dev/model=small", **engine)
    routers = _pods(place, "tidegate.dev/policy=front", tidegate_dev_policy="front")
    place.wait(lambda: _same(_up(place, "engines", place.name), engines), "both engines are scraped")
    place.wait(lambda: _same(_up(place, "routers", place.name), routers), "both routers are scraped")
    operators = Place(place.cluster, NAMESPACE)
    place.wait(
        lambda: _same(
            _up(operators, "operator", NAMESPACE), _pods(operators, "app.kubernetes.io/name=tidegate")
        ),  # those of before may still be on their way out
        "both operators are scraped",
    )


def test_everything_that_it_finds_answers(place: Place) -> None:
    """No port is taken for one with metrics, and no series has a label of its own pushed aside."""
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    prometheus = place.prometheus()
    mine = f'{{namespace="{place.name}"}}'
    place.wait(lambda: len(prometheus.query(f"up{mine} == 1")) == 2, "the engine and the router are scraped")
    assert prometheus.query(f'{{namespace="{place.name}", exported_namespace!=""}}') == []

    def errors() -> list[str]:
        return [target["lastError"] for target in prometheus.targets() if place.name in target["labels"].values()]

    place.wait(
        lambda: errors() == ["", ""], "both answered the newest scrape: on a busy machine not each does in its second"
    )


def test_it_looks_at_the_rules(place: Place) -> None:
    """All of them can be evaluated, and what is recorded is what routers told."""
    prometheus = place.prometheus()
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    load = Load(place.router())
    for _ in range(3):
        httpx.post(f"{load.url}/v1/chat/completions", json=load.body(5, stream=False), timeout=30).raise_for_status()
    recorded = f'llm_requests_total{{namespace="{place.name}", model="small", status="success"}}'
    place.wait(lambda: [sample.value for sample in prometheus.query(recorded)] == [3], "three requests are recorded")
    place.wait(lambda: {rule["health"] for rule in prometheus.rules()} == {"ok"}, "each rule was evaluated")
    assert {rule["type"] for rule in prometheus.rules()} == {"recording", "alerting"}


def test_it_may_list_and_watch_pods_and_no_more(place: Place) -> None:
    place.prometheus()
    told = place.kubectl("auth", "can-i", "--list", f"--as={ACCOUNT}").splitlines()
    everybody = place.kubectl("auth", "can-i", "--list", f"--as=system:serviceaccount:{WATCHES}:other").splitlines()
    [own] = set(told) - set(everybody)
    assert own.split()[0] == "pods"
    assert own.endswith("[list watch]")
