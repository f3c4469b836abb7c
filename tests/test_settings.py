"""The operator's settings: what the chart writes is what is read, and a wrong value is refused in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidegate.settings import ENGINE_IMAGE, Settings, WrongSettings, from_environment, variables

CHART = Path(__file__).resolve().parents[1] / "charts/tidegate"


def test_the_chart_writes_what_is_read_and_nothing_else() -> None:
    text = (CHART / "templates/deployment.yaml").read_text()
    written = re.findall(r"name: ((?:TIDEGATE|POD)_[A-Z_]+)", text)
    assert sorted(written) == sorted(variables())


def test_every_variable_reaches_its_field() -> None:
    given = {name: "3" if name.endswith(("PORT", "WORKERS")) else f"x{n}" for n, name in enumerate(variables())}
    given |= {"TIDEGATE_LOG_LEVEL": "ERROR", "TIDEGATE_LOG_FORMAT": "json"}
    given |= {"TIDEGATE_PROMETHEUS_URL": "https://prometheus:9090/x"}
    given |= {"TIDEGATE_PROMETHEUS_TIMEOUT": "2.5", "TIDEGATE_PROMETHEUS_SCRAPE_INTERVAL": "30.0"}
    given |= {"TIDEGATE_BIND_ADDRESS": "0.0.0.0", "TIDEGATE_ASSIGN_USER": "False"}
    given |= {"TIDEGATE_NETWORK_POLICIES": "True", "TIDEGATE_ENGINE_PEERS": '[{"podSelector": {}}]'}
    read = from_environment(given)
    assert [str(value) for value in read.model_dump().values()] == list(given.values())
    assert read.defaults.brain_image == given["TIDEGATE_ROUTER_IMAGE"]
    assert read.defaults.log_format == "json"
    assert read.defaults.bind_address == "0.0.0.0"
    assert read.defaults.assign_user is False
    assert read.defaults.engine_peers == ({"podSelector": {}},)
    assert read.scrape == 30.0
    assert Settings().scrape is None, "no Prometheus"


def test_defaults_and_what_is_not_ours() -> None:
    assert from_environment({}) == Settings()
    assert from_environment({"TIDEGATE_PORT": "tcp://10.0.0.1:80", "PATH": "/bin"}) == Settings()
    assert from_environment({}).defaults.engine_image == ENGINE_IMAGE


def test_this_process_own_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_WORKERS", "3")
    assert from_environment({}).workers == Settings().workers == 8


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("TIDEGATE_WORKERS", "many", "must be a whole number from 1 to 100"),
        ("TIDEGATE_WORKERS", "0", "must be a whole number from 1 to 100"),
        ("TIDEGATE_HEALTH_PORT", "65536", "must be a port from 1 to 65535"),
        ("TIDEGATE_LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING or ERROR"),
        ("TIDEGATE_LOG_FORMAT", "xml", "must be text or json"),
        ("TIDEGATE_ENGINE_IMAGE", "", "must be an image, for example registry.example.com/vllm-openai:v0.32.0"),
        ("POD_NAMESPACE", "two words", "must be one word"),
        ("TIDEGATE_ENGINE_PEERS", "{}", "must be a JSON list of networking.k8s.io/v1 NetworkPolicyPeers"),
        ("TIDEGATE_ENGINE_PEERS", "[", "must be a JSON list of networking.k8s.io/v1 NetworkPolicyPeers"),
    ],
)
def test_a_wrong_value(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(WrongSettings) as error:
        from_environment({variable: value})
    assert str(error.value) == f"{variable}={value!r}: {sentence}"


def test_all_wrong_values_at_once() -> None:
    with pytest.raises(WrongSettings) as error:
        from_environment({"TIDEGATE_WORKERS": "-1", "TIDEGATE_ENVOY_IMAGE": "a b"})
    assert {line.partition("=")[0] for line in str(error.value).splitlines()} == {
        "TIDEGATE_WORKERS",
        "TIDEGATE_ENVOY_IMAGE",
    }
