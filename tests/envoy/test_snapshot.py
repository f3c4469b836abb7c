"""What is written is what Envoy takes: every shape of a policy passes `envoy --mode validate`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.envoy.conftest import config, environment, envoy_binary, sticky
from tidegate.brain.native import provided
from tidegate.contract.browsers import Cors
from tidegate.contract.clients import ApiKeys
from tidegate.contract.destinations import Destination, External, Proxy
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, Target
from tidegate.envoy.clusters import Endpoint, load_assignment
from tidegate.envoy.lua import _quoted
from tidegate.envoy.snapshot import snapshot
from tidegate.envoy.start import Start


def behind_a_proxy() -> RouterConfig:
    """One, and an engine before it."""
    external = External(host="a.example", port=80, tls=False, model="big", proxy=Proxy(host="proxy.example", port=3128))
    made = config({"chat": {"a": 1}})
    hosted = Destination(name="hosted", backend="hosted", external=external)
    fallback = Fallback(steps=((Target(destination="hosted", weight=1),),))
    route = made.routes[0].model_copy(update={"fallback": fallback})
    return made.model_copy(update={"destinations": (*made.destinations, hosted), "routes": (route,)})


SHAPES: dict[str, RouterConfig] = {
    "one model": config({"chat": {"a": 1}}),
    "weights": config({"chat": {"a": 9, "b": 1}}),
    "clients that stay": sticky(config({"chat": {"a": 9, "b": 1}}), "x-user-id", "authorization", address=True),
    "nobody": config({"chat": {}}),
    "no retries": config(
        {"chat": {"a": 1}}, retry=config({}).retry.model_copy(update={"attempts": 0, "codes": (), "reasons": ()})
    ),
    "no timeouts": config(
        {"chat": {"a": 1}}, timeouts=config({}).timeouts.model_copy(update={"request_seconds": 0, "idle_seconds": 0})
    ),
    "least request": config({"chat": {"a": 1}}, load_balancing="LeastRequest"),
    "random": config({"chat": {"a": 1}}, load_balancing="Random"),
    "pages": config({"chat": {"a": 1}}, cors=Cors(allow_origins=("*", "https://a.example", "https://*.example.com"))),
    "clients with keys": config({"chat": {"a": 1}}, api_keys=ApiKeys(secrets=("keys",))),
    "many models": config({f"model-{i}": {f"b{i % 64}": 1} for i in range(2048)}),
    "a provider behind a proxy": behind_a_proxy(),
    "names with slashes": config({"meta-llama/Llama-3.1:8b": {"a": 1}}),
}


@pytest.mark.envoy
@pytest.mark.parametrize("shape", SHAPES)
def test_envoy_takes_it(shape: str, tmp_path: Path) -> None:
    ends = {"a": (Endpoint("10.0.0.1", 8000), Endpoint("fd00::1", 8000))}
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(snapshot(SHAPES[shape], ends, Start(str(tmp_path), module=provided(tmp_path))).static()))
    result = subprocess.run(
        [envoy_binary(), "--mode", "validate", "-c", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path),
    )
    assert result.returncode == 0, result.stderr[-2000:]


def test_no_engines_is_an_empty_assignment() -> None:
    assert load_assignment("a.r1", [], Start("/run")) == {"cluster_name": "a.r1", "endpoints": []}


def test_where_another_is_asked_afterwards_there_is_always_somebody() -> None:
    made = load_assignment("a.r1", [], Start("/run"), walked=True)
    nobody = {"endpoint": {"address": {"pipe": {"path": "/run/nobody.sock"}}}}
    assert made["endpoints"] == [{"lb_endpoints": []}, {"priority": 1, "lb_endpoints": [nobody]}]


def test_names_cannot_leave_the_script() -> None:
    assert _quoted('a"b\\c') == '"a\\"b\\\\c"'
    with pytest.raises(ValueError, match="not a plain name"):
        _quoted("a\nb")
