"""Whose word for a client's address counts: that of so many proxies in front, and nobody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.waiting import until
from tidegate.contract.observation import Observation

pytestmark = pytest.mark.envoy
CLAIMED = "198.51.100.7, 203.0.113.9"
"""What a client wrote, and what the proxy in front of it added."""


@pytest.mark.parametrize(("hops", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.7")])
def test_the_address(hops: int, address: str, tmp_path: Path, engines: Engines) -> None:
    envoy = RealEnvoy(tmp_path)
    envoy.begin_with(replace(envoy.start, trusted_hops=hops))
    try:
        envoy.offer(config({"chat": {"a": 1}}, observation=Observation(log_lines=100)), {"a": [engines.start()]})
        said = httpx.post(
            f"{envoy.url}/v1/chat/completions", json={"model": "chat"}, headers={"x-forwarded-for": CLAIMED}
        )
        assert said.status_code == 200
        assert until(lambda: _logged(tmp_path)) == address
    finally:
        envoy.stop()


def _logged(folder: Path) -> str:
    lines = [line for line in (folder / "envoy.log").read_text().splitlines() if line.startswith("{")]
    return str(json.loads(lines[-1])["client"]) if lines else ""
