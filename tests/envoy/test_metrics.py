"""The chosen metrics exist, and no others are passed on."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tidegate.brain import metrics

pytestmark = pytest.mark.envoy
NAME = re.compile(r"^# TYPE (\S+) (\w+)$", re.MULTILINE)


@pytest.fixture
def small(envoy: RealEnvoy) -> RealEnvoy:
    """An Envoy with a limit of memory."""
    envoy.begin_with(replace(envoy.start, memory=256 << 20))
    return envoy


def test_what_is_documented_is_what_there_is(small: RealEnvoy, engines: Engines) -> None:
    small.offer(config({"chat": {"a.b": 1}}), {"a.b": [engines.start()]})
    assert small.client.post("/v1/chat/completions", json={"model": "chat"}).status_code == 200
    prefixes = {"http_": metrics.DOOR, "cluster_": metrics.DESTINATION, "": metrics.PROCESS}
    wanted = {f"envoy_{prefix}{m.name}": m.kind for prefix, some in prefixes.items() for m in some}
    wanted = {name: kind for name, kind in wanted.items() if small.start.module or "native" not in name}
    assert dict(NAME.findall(small.metrics(metrics.wanted()))) == wanted
    series = small.metrics(metrics.wanted())
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="a-b-r1"} 1' in series
    assert 'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="in"} 1' in series
