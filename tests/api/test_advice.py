"""What `tidegate validate` says to write instead, for what people write most often."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.tables import changed, smallest
from tidegate.api.advice import did_you_mean
from tidegate.api.validate import check


def said(path: str, value: Any, kind: str = "ModelDeployment") -> str:
    """The one message about a field."""
    manifest = smallest(kind)
    changed(manifest, path, value)
    [(_, message)] = check(manifest)
    return message


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        (0.9, "90%"),
        (1, "100%"),
        (90, "90%"),
        ("90", "90%"),
        ("0.9", "90%"),
        ("90 %", "90%"),
        (0.955, "95.5%"),
        (1.5, "1.5%"),
    ],
)
def test_a_share(value: Any, instead: str) -> None:
    assert said("spec.engine.gpuMemoryUtilization", value) == f"must be a share such as 90% or 0.5%; write {instead}"


@pytest.mark.parametrize("value", ["101%", 101, -1, "much"])
def test_a_share_of_nothing(value: Any) -> None:
    assert "write" not in said("spec.engine.gpuMemoryUtilization", value)


@pytest.mark.parametrize(
    ("value", "instead"), [(20, "20s"), ("20", "20s"), (0.5, "500ms"), ("10 m", "10m"), ("10M", "10m")]
)
def test_a_duration(value: Any, instead: str) -> None:
    assert said("spec.drain", {"timeout": value}) == f"must be a duration such as 90s, 10m or 1h30m; write {instead}"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "spec.engine.resources",
            {"requests": {"cpu": 0.5}},
            'must be a quantity such as 16Gi, 500m or 4; write "0.5" in quotes',
        ),
        ("spec.engine.resources", {"requests": 8}, "must be a map, for example requests: {name: 16Gi}"),
        ("spec.engine.env", {"A": "b"}, 'must be a list, for example env: [{name: "..."}]'),
        ("spec.engine.parallelism", 2, "must be a map, for example parallelism: {tensor: 1}"),
        ("spec.model.adapters", "a", 'must be a list, for example adapters: [{name: llama-8b, uri: "..."}]'),
        ("spec.model.servedNames", [1], "must be a string; put it in quotes, because YAML reads this as 1"),
        ("spec.model.servedNames", [True], "must be a string; put it in quotes, because YAML reads this as true"),
        ("spec.model.uri", {"hf": "a/b"}, "must be a string, not a map"),
        ("spec.model.uri", ["a"], "must be a string, not a list"),
        ("spec.replicas", 2.0, "must be a whole number, not 2.0"),
        ("spec.suspend", "on", 'must be true or false, not "on"'),
        ("spec.suspend", "False", "must be true or false; write false without quotes"),
        (
            "spec.engine.dtype",
            "bf16",
            "'bf16' is not one of 'auto', 'bfloat16', 'float', 'float16', 'float32', 'half'; did you mean bfloat16?",
        ),
        ("spec.engine.dtype", 16, "16 is not one of 'auto', 'bfloat16', 'float', 'float16', 'float32', 'half'"),
    ],
)
def test_message(path: str, value: Any, message: str) -> None:
    assert said(path, value) == message


@pytest.mark.parametrize(
    ("path", "like"),
    [
        ("spec.engine.max_model_len", "maxModelLen"),
        ("spec.engine.maxmodellen", "maxModelLen"),
        ("spec.engine.max-num-seqs", "maxNumSeqs"),
        ("spec.engine.gpu_memory_utilization", "gpuMemoryUtilization"),
        ("spec.engine.kv_offload", "kvOffload"),
        ("spec.engine.pod_template_patch", "podTemplatePatch"),
        ("spec.model.served_names", "servedNames"),
        ("spec.replica", "replicas"),
        ("spec.gpus", "spec.engine.gpus"),
        ("spec.uri", "spec.model.uri"),
        ("spec.engine.storage", "spec.model.storage"),
    ],
)
def test_a_misspelt_field(path: str, like: str) -> None:
    assert said(path, 1).endswith(f"did you mean {like}?")


def test_a_field_that_is_like_no_other() -> None:
    assert " args, env, " in said("spec.engine.surroundings", 1)


@pytest.mark.parametrize(
    ("path", "like"),
    [
        ("spec.load_balancing", "loadBalancing"),
        ("spec.backend", "backends"),
        ("spec.retries", "retry"),
        ("spec.port", "spec.router.service.port"),
    ],
)
def test_a_misspelt_field_of_a_policy(path: str, like: str) -> None:
    assert f"did you mean {like}?" in said(path, 1, "RoutingPolicy")


def test_what_can_be_written_there() -> None:
    assert (
        said("spec.auth", {"anonymous": {"rate": 1}}, "RoutingPolicy")
        == "there is no such field; there are allowExternal"
    )


@pytest.mark.parametrize(
    ("written", "like"),
    [("modeldeployment", "ModelDeployment"), ("RoutePolicy", "RoutingPolicy"), ("Cache", "CacheTier"), ("Gateway", "")],
)
def test_a_kind(written: str, like: str) -> None:
    assert did_you_mean(written, ["ModelDeployment", "RoutingPolicy", "CacheTier"]) == (
        f"; did you mean {like}?" if like else ""
    )
