"""GET /metrics has every metric of the recordings: same help, type, labels and buckets, in the same order."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.engine_sim.support import RECORDINGS, Sim, chat_body, running

FLAGS = ("--served-model-name", "tiny", "--max-model-len", "1024", "--max-num-seqs", "4", "--max-num-queued-reqs", "8")
LONG: dict[str, Any] = {"model": "tiny", "max_tokens": 600, "ignore_eos": True}


def skeleton(exposition: str) -> list[str]:
    """The lines without values; of labels that tell about a machine or a configuration only the names."""
    lines = []
    for line in exposition.splitlines():
        bare = line if line.startswith("#") else line.rpartition(" ")[0]
        if bare.startswith(("vllm:cache_config_info{", "python_info{")):
            bare = re.sub(r'="[^"]*"', "", bare)
        lines.append(bare)
    return lines


class Flood(NamedTuple):
    """Two expositions, and what a test must allow for."""

    busy: str
    after: str
    arrival_s: float
    """Seconds within which all arrived."""


@pytest.fixture(scope="module")
def flood() -> Iterator[Flood]:
    """The metrics while 30 requests flood an engine that takes 8, and after: as it was recorded."""
    with running(*FLAGS, SPEED=4) as sim:
        sim.get("/v1/models")
        for _ in range(2):
            assert sim.chat(model="tiny", max_tokens=6).status == 200
        for body in ({"model": "nope"}, {"max_tokens": 5000}, {"max_tokens": 0}):
            assert sim.chat(**body).status in (400, 404)
        yield flooded(sim)


def flooded(sim: Sim) -> Flood:
    with ExitStack() as stack:
        begin = time.monotonic()
        clients = [
            stack.enter_context(sim.start("/v1/chat/completions", chat_body(f"{number}", **LONG)))
            for number in range(30)
        ]
        sim.wait_until(in_flight=8)
        arrival_s = time.monotonic() - begin
        busy = sim.get("/metrics").body.decode()
        assert sorted(client.receive().status for client in clients) == [200] * 8 + [503] * 22
    return Flood(busy, sim.get("/metrics").body.decode(), arrival_s)


@pytest.mark.parametrize(("index", "name"), [(0, "metrics_busy.txt"), (1, "metrics_after.txt")])
def test_skeleton(flood: Flood, index: int, name: str) -> None:
    ours, recorded = skeleton((flood.busy, flood.after)[index]), skeleton((RECORDINGS / name).read_text())
    if index == 0:
        # Which of the handlers' statuses came first depends on the flood.
        ours, recorded = sorted(without_chat_status(ours)), sorted(without_chat_status(recorded))
    assert ours == recorded


def without_chat_status(lines: list[str]) -> list[str]:
    return [line for line in lines if "http_requests_" not in line or "HELP" in line or "TYPE" in line]


def series(exposition: str, name: str) -> float:
    """The value of a series of the one engine and model, labels in between as exposed."""
    (value,) = re.findall(rf"^{re.escape(name)} (\S+)$", exposition, re.MULTILINE)
    return float(value)


MODEL = 'engine="0",model_name="tiny"'


def test_values_while_busy(flood: Flood) -> None:
    assert series(flood.busy, f"vllm:num_requests_running{{{MODEL}}}") == 4
    assert series(flood.busy, f"vllm:num_requests_waiting{{{MODEL}}}") == 4
    assert series(flood.busy, f'vllm:num_requests_waiting_by_reason{{{MODEL},reason="capacity"}}') == 4
    assert 0 < series(flood.busy, f"vllm:kv_cache_usage_perc{{{MODEL}}}") < 1
    assert series(flood.busy, 'vllm:admission_rejections_total{model_name="tiny",reason="max_num_queued_reqs"}') == 22


def test_values_after(flood: Flood) -> None:
    assert series(flood.after, f"vllm:num_requests_running{{{MODEL}}}") == 0
    assert series(flood.after, f"vllm:kv_cache_usage_perc{{{MODEL}}}") == 0
    tokens = 8 * 600 + 2 * 6
    assert series(flood.after, f"vllm:generation_tokens_total{{{MODEL}}}") == tokens
    assert (
        series(flood.after, 'vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}') == 10
    )
    assert series(flood.after, f"vllm:time_to_first_token_seconds_count{{{MODEL}}}") == 10
    assert series(flood.after, f"vllm:inter_token_latency_seconds_count{{{MODEL}}}") == tokens - 10
    assert series(flood.after, f"vllm:request_generation_tokens_sum{{{MODEL}}}") == tokens
    assert series(flood.after, f"vllm:e2e_request_latency_seconds_count{{{MODEL}}}") == 10
    assert series(flood.after, 'http_requests_total{handler="/v1/chat/completions",method="POST",status="5xx"}') == 22
    # Four ran at once: the second four waited as long as the first four ran, less what they came later.
    queue, inference = (
        series(flood.after, f"vllm:request_{name}_time_seconds_sum{{{MODEL}}}") for name in ("queue", "inference")
    )
    assert 0.9 * (inference / 2 - 4 * flood.arrival_s) <= queue <= 1.1 * inference / 2


def test_phases_add_up(flood: Flood) -> None:
    sums = {
        name: series(flood.after, f"vllm:request_{name}_time_seconds_sum{{{MODEL}}}")
        for name in ("queue", "prefill", "decode", "inference")
    }
    assert sums["prefill"] + sums["decode"] == pytest.approx(sums["inference"])
    total = series(flood.after, f"vllm:e2e_request_latency_seconds_sum{{{MODEL}}}")
    assert sums["queue"] + sums["inference"] == pytest.approx(total)


def test_clients_that_leave_are_not_counted() -> None:
    """As recorded on a GPU: the request is gone at the next look, and `finished_reason="abort"` stays 0."""
    with running(*FLAGS) as sim:
        client = sim.start("/v1/chat/completions", chat_body(stream=True, **LONG))
        client.head()
        client.close()
        sim.wait_until(running=0)
        aborted = 'vllm:request_success_total{engine="0",finished_reason="abort",model_name="tiny"}'
        assert sim.metric(aborted) == 0
        assert sim.metric(f"vllm:kv_cache_usage_perc{{{MODEL}}}") == 0
