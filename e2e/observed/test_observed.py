"""Promise: what happens to requests can be seen, and looking begins and ends without a router being replaced or a stream cut."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from e2e.harness import Load, Place, model, policy
from tidegate.names import BRAIN_PORT, POLICY_LABEL

pytestmark = pytest.mark.cluster
ROUTERS = f"{POLICY_LABEL}=front"


def _lines(place: Place) -> list[dict[str, Any]]:
    """What stands on the routers' stdout."""
    written = place.kubectl("logs", "-l", ROUTERS, "-c", "envoy", "--tail=-1").splitlines(keepends=True)
    return [json.loads(line) for line in written if line.startswith("{") and line.endswith("\n")]


def _routers(place: Place) -> set[str]:
    return {pod["metadata"]["uid"] for pod in place.items("pods", ROUTERS)}


def test_the_access_log_is_switched_under_load(place: Place) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    before = _routers(place)
    load = Load(place.router())
    with load.running(streams=2, tokens=20, short=2) as tally:
        place.wait(lambda: tally.answers[200] > 0, "the load runs")
        assert _lines(place) == []
        place.apply(policy(observability={"accessLog": {}}))
        [line] = place.wait(lambda: _lines(place)[:1], "a line is there")
    assert (tally.failed, tally.cut) == (0, 0)
    assert (line["model"], line["backend"], line["status"]) == ("chat", "small", 200)
    assert _routers(place) == before


def test_metrics_name_the_destination(place: Place) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}
    assert httpx.post(f"{place.router()}/v1/chat/completions", json=body, timeout=30).status_code == 200
    [active] = place.get("mdep/small")["status"]["revisions"]
    pods = [pod["status"]["podIP"] for pod in place.items("pods", ROUTERS)]
    told = [httpx.get(f"{place.cluster.forward_address(ip, BRAIN_PORT)}/metrics", timeout=30).text for ip in pods]
    counted = f'envoy_cluster_upstream_rq_total{{envoy_cluster_name="small-{active["name"]}"}} 1\n'
    assert sum(counted in text for text in told) == 1
    assert all("tidegate_router_configuration_current 1\n" in text for text in told)
