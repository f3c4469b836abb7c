"""The simulation of an engine, held to one that was recorded on a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.autoscaling import engine as simulation
from benchmarks.autoscaling.engine import SMALL, Engine, Requests

RECORDINGS = Path(simulation.__file__).parent / "recordings"


def recording(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return found


SAID = recording("h100_8b")


def through(requests: Requests) -> tuple[float, int]:
    """When the last one ends, and the most that run at once."""
    engine, end, most = Engine(SMALL, requests, 0.0, 0.0), 0.0, 0
    arrivals = list(enumerate(requests.arrival))
    while arrivals or engine.load:
        if arrivals and arrivals[0][1] <= engine.next:
            number, arrival = arrivals.pop(0)
            engine.add(arrival, number)
        else:
            end = engine.next
            engine.event(end)
        most = max(most, engine.n)
    return end, most


def together(count: int, tokens: int) -> Requests:
    return Requests(np.zeros(count), np.full(count, float(tokens)), np.full(count, 1.0))


@pytest.mark.parametrize("said", SAID["decode"], ids=lambda said: f"{said['running']} of {said['context']}")
def test_time_between_tokens(said: dict[str, float]) -> None:
    """Within 4 %, and 7 % with 256 sequences."""
    step = SMALL.step + SMALL.per_sequence * said["running"] + SMALL.per_token * said["kv_tokens"]
    assert step == pytest.approx(said["inter_token"], rel=0.04 if said["running"] < 256 else 0.07)


@pytest.mark.parametrize("said", SAID["prefill_many"], ids=lambda said: f"{said['count']} of {said['tokens']}")
def test_many_prompts(said: dict[str, float]) -> None:
    end, _ = through(together(int(said["count"]), int(said["tokens"])))
    assert end == pytest.approx(said["seconds"], rel=0.1)


@pytest.mark.parametrize(
    "said", [one for one in SAID["prefill_alone"] if one["tokens"] <= 8192], ids=lambda said: str(said["tokens"])
)
def test_a_lone_prompt(said: dict[str, float]) -> None:
    """HTTP and the scheduler's round take up to 25 ms beside it."""
    requests = together(1, int(said["tokens"]))
    through(requests)
    assert requests.first[0] - 0.005 < said["seconds"] < requests.first[0] + 0.025


def test_open_arrivals() -> None:
    """224 requests in 16 s: the last answer ends when it really did, with as many at once."""
    said = recording("h100_8b_busy")
    arrival, prompt, out, _, ends = np.array(sorted(said["requests"])).T
    end, most = through(Requests(arrival, prompt, out))
    assert end == pytest.approx(max(ends), rel=0.03)
    assert most == pytest.approx(max(row[1] for row in said["series"]), rel=0.15)


def test_what_fits_into_it() -> None:
    assert SAID["engine"]["kv_tokens"] == SMALL.kv
    assert SAID["engine"]["max_num_batched_tokens"] == SMALL.batched
