"""Rivals decide as their documents say."""

from __future__ import annotations

import pytest

from benchmarks.autoscaling.clairvoyant import Clairvoyant
from benchmarks.autoscaling.engine import USUAL
from benchmarks.autoscaling.fleet import Look, Sample
from benchmarks.autoscaling.rivals import RIVALS, pods
from benchmarks.autoscaling.traces import draw


def sample(waiting: int = 0, kv: float = 0.5, cpu: float = 1.0) -> Sample:
    return Sample(0, 0.0, 10.0, False, waiting, 15, kv, cpu)


def first(name: str, *samples: Sample, replicas: int | None = None, now: float = 1000.0) -> int:
    return RIVALS[name]().decide(Look(now, list(samples), 10, len(samples) if replicas is None else replicas))


@pytest.mark.parametrize(
    ("values", "missing", "replicas", "wanted"),
    [
        ([10, 10], 0, 2, 4),
        ([5.4, 5.4], 0, 2, 2),  # within the tolerance
        ([2, 2, 2], 0, 3, 2),
        ([10, 10], 2, 4, 4),  # those that start count 0 on the way up
        ([20, 20], 1, 3, 8),
        ([1, 1], 1, 3, 2),  # and the target on the way down
        ([], 2, 2, 0),
    ],
)
def test_hpas_arithmetic(values: list[float], missing: int, replicas: int, wanted: int) -> None:
    assert pods(values, missing, 5.0, replicas) == wanted or not values


def test_cpu() -> None:
    """A busy loop is one core: too much of a request of one, nothing of one of eight."""
    assert first("cpu-1", sample(cpu=1.05), sample(cpu=1.05)) == 4
    assert first("cpu-2", sample(cpu=1.4), sample(cpu=1.4)) == 2
    assert first("cpu-8", sample(cpu=1.05), sample(cpu=1.05)) == 2  # down only after the window


def test_behavior() -> None:
    """Up at most by four or as many again, down to the largest answer of 300 s."""
    hpa = RIVALS["queue"]()
    assert hpa.decide(Look(0.0, [sample(500)], 0, 1)) == 5
    assert hpa.decide(Look(5.0, [sample(500)], 0, 1)) == 1  # between two syncs
    down = [hpa.decide(Look(15.0 * i, [sample(0)] * 5, 0, 5)) for i in range(1, 25)]
    assert down[:19] == [5] * 19
    assert down[-1] == 1


def test_keda_takes_the_sum() -> None:
    assert first("keda", sample(20), sample(0)) == 4
    assert first("keda", sample(20), sample(0), replicas=4) == 4


def test_kv() -> None:
    assert first("queue+kv", sample(0, 0.99), sample(0, 0.99)) == 3


@pytest.mark.parametrize(
    ("samples", "replicas", "wanted"),
    [
        ([sample(0, 0.75), sample(0, 0.75)], 2, 3),
        ([sample(9, 0.9), sample(9, 0.9)], 2, 3),
        ([sample(9, 0.9), sample(9, 0.9)], 3, 3),  # one starts
        ([sample(0, 0.5), sample(0, 0.5)], 2, 2),
    ],
)
def test_saturation_rules(samples: list[Sample], replicas: int, wanted: int) -> None:
    assert first("wva", *samples, replicas=replicas) == wanted


def test_saturation_rules_down() -> None:
    wva = RIVALS["wva"]()
    wanted = [wva.decide(Look(30.0 * i, [sample(0, 0.1)] * 3, 0, 3)) for i in range(12)]
    assert (wanted[0], wanted[-1]) == (3, 2)


def test_the_plan_is_there_before_the_load() -> None:
    plan = Clairvoyant(draw("step", USUAL, 0), 180.0)
    at = {now: plan.decide(Look(now, [], 0, 0)) for now in (1500.0, 1795.0, 4000.0, 6000.0)}
    assert at[1500.0] < at[1795.0] >= 6
    assert at[4000.0] >= 6 > at[6000.0]
