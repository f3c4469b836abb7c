"""The argv of an engine: only flags that the real vLLM has, and the right numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.support.builders import DEFAULTS, model
from tests.support.strategies import models
from tidegate.api import ModelDeployment
from tidegate.api.args import OWNED_FLAGS
from tidegate.plan.model.adapters import adapters
from tidegate.plan.model.argv import LEAVE_ENDPOINTS, argv, grace_period, group_size, plain, shutdown_timeout, spread
from tidegate.plan.model.kvtiers import kv_tiers
from tidegate.plan.model.weights import weights

ROOT = Path(__file__).resolve().parents[3]
FLAGS = json.loads((ROOT / "e2e/engine_sim/flags.json").read_text())
KNOWN = {option: flag for flag in FLAGS for option in flag["options"]}


def args(**parts: Any) -> list[str]:
    return made_of(parsed(**parts))


def made_of(found: ModelDeployment, host: str = "::") -> list[str]:
    return argv(found, weights(found) + adapters(found) + kv_tiers(found, DEFAULTS), host)


def parsed(**parts: Any) -> ModelDeployment:
    return ModelDeployment.model_validate(model(**parts))


def value(flags: list[str], name: str) -> str:
    """What follows a flag."""
    return flags[flags.index(name) + 1]


@given(models())
def test_every_flag_is_vllms(manifest: dict[str, Any]) -> None:
    made = made_of(ModelDeployment.model_validate(manifest))
    own = made[: len(made) - len(manifest["spec"]["engine"].get("args", []))]
    flags = [word for word in own if word.startswith("--")]
    assert set(flags) <= KNOWN.keys()
    assert len(flags) == len(set(flags)), "no flag twice"
    for flag in flags:
        choices = KNOWN[flag].get("choices")
        assert not choices or value(own, flag) in choices
    assert all(isinstance(word, str) for word in made)


@given(models())
def test_every_flag_that_is_written_is_refused_in_args_but_for_those_that_people_tune(manifest: dict[str, Any]) -> None:
    made = made_of(ModelDeployment.model_validate(manifest))
    own = made[: len(made) - len(manifest["spec"]["engine"].get("args", []))]
    assert {word for word in own if word.startswith("--")} - {
        "--max-loras",
        "--load-format",
        "--enable-expert-parallel",
        "--kv-transfer-config",
    } <= set(OWNED_FLAGS)


def test_owned_flags_exist() -> None:
    assert [flag for flag in OWNED_FLAGS if flag not in KNOWN] == ["--help"]  # argparse's own


def test_the_model_is_the_first_word_and_users_flags_are_the_last() -> None:
    made = args(engine={"args": ["--enable-chunked-prefill", "x y"]})
    assert made[0] == "acme/llama-8b"
    assert made[-2:] == ["--enable-chunked-prefill", "x y"]


def test_waiting_requests_are_counted_on_top_of_running_ones() -> None:
    assert value(args(engine={"maxNumSeqs": 100, "maxWaitingRequests": 20}), "--max-num-queued-reqs") == "120"
    assert value(args(engine={"maxWaitingRequests": 0}), "--max-num-queued-reqs") == "256"
    assert "--max-num-queued-reqs" not in args()


@pytest.mark.parametrize(
    ("quantity", "gibibytes"), [("16Gi", "16"), ("512Mi", "0.5"), ("1000000000", "0.9313"), ("1.5Ti", "1536")]
)
def test_offloaded_memory_in_gibibytes(quantity: str, gibibytes: str) -> None:
    assert value(args(engine={"kvOffload": {"hostMemory": quantity}}), "--kv-offloading-size") == gibibytes


@pytest.mark.parametrize(
    ("engine", "gibibytes"),
    [
        ({"gpus": {"count": 8}}, "16"),
        ({"gpus": {"count": 8}, "parallelism": {"tensor": 8, "pipeline": 3}}, "48"),
        ({"gpus": {"count": 1}, "parallelism": {"tensor": 4}}, "64"),
        ({"gpus": {"count": 8}, "parallelism": {"tensor": 4, "data": 2}}, "8"),
    ],
    ids=["one Pod", "three Pods", "four Pods", "two copies in one Pod"],
)
def test_offloaded_memory_is_of_the_whole_replica_and_of_each_copy(engine: Any, gibibytes: str) -> None:
    made = args(engine={**engine, "kvOffload": {"hostMemory": "16Gi"}})
    assert value(made, "--kv-offloading-size") == gibibytes


def test_data_and_expert_parallelism() -> None:
    made = args(engine={"gpus": {"count": 8}, "parallelism": {"tensor": 2, "data": 4, "expert": True}})
    assert value(made, "--tensor-parallel-size") == "2"
    assert value(made, "--data-parallel-size") == "4"
    assert "--enable-expert-parallel" in made
    assert "--pipeline-parallel-size" not in made


def test_every_copy_of_data_parallelism_has_a_running_batch() -> None:
    engine = {"gpus": {"count": 4}, "parallelism": {"data": 4}, "maxNumSeqs": 100, "maxWaitingRequests": 20}
    assert value(args(engine=engine), "--max-num-queued-reqs") == "420"


@pytest.mark.parametrize("host", ["::", "0.0.0.0"])
def test_the_engine_listens_where_the_operator_is_told(host: str) -> None:
    assert value(made_of(parsed(), host), "--host") == host


@pytest.mark.parametrize(
    ("percent", "share"), [("90%", "0.9"), ("100%", "1"), ("0.01%", "0.0001"), ("92.55%", "0.9255")]
)
def test_memory_utilization_as_a_fraction(percent: str, share: str) -> None:
    assert value(args(engine={"gpuMemoryUtilization": percent}), "--gpu-memory-utilization") == share


@pytest.mark.parametrize(
    ("count", "parallelism", "spread_", "pods"),
    [
        (0, None, (1, 1, 1), 1),
        (1, None, (1, 1, 1), 1),
        (4, None, (4, 1, 1), 1),
        (4, {"tensor": 2, "pipeline": 2}, (2, 2, 1), 1),
        (8, {"tensor": 8, "pipeline": 2}, (8, 2, 1), 2),
        (1, {"tensor": 4}, (4, 1, 1), 4),
        (8, {"data": 8, "expert": True}, (1, 1, 8), 1),
        (8, {"tensor": 2, "pipeline": 2, "data": 2}, (2, 2, 2), 1),
    ],
)
def test_parallelism(count: int, parallelism: Any, spread_: tuple[int, int, int], pods: int) -> None:
    engine = parsed(engine={"gpus": {"count": count}, "parallelism": parallelism}).spec.engine
    assert tuple(spread(engine)) == spread_
    assert group_size(engine) == pods


@pytest.mark.parametrize(("timeout", "grace", "shutdown"), [("10m", 600, 590), ("15s", 15, 5), ("15500ms", 15, 5)])
def test_the_engine_ends_within_its_grace_period(timeout: str, grace: int, shutdown: int) -> None:
    found = parsed(drain={"timeout": timeout})
    assert (grace_period(found), shutdown_timeout(found)) == (grace, shutdown)
    assert LEAVE_ENDPOINTS + shutdown < grace


@pytest.mark.parametrize(
    ("number", "text"), [("1", "1"), ("0.5", "0.5"), ("100", "100"), ("0.12345", "0.1234"), ("1E+3", "1000")]
)
def test_plain(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
