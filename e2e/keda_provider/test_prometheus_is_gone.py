"""Promise: while Prometheus does not answer KEDA, no engine leaves and the model says why; a fallback that somebody gives the ScaledObject
is left alone, and the model says that it is in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from e2e.harness import Place
from e2e.keda_provider.scaled import active, decides, engines, replicas, said_by_keda, scaled, standing, wants
from e2e.monitoring import NAMESPACE

pytestmark = [pytest.mark.cluster, pytest.mark.long]
FALLBACK = {"failureThreshold": 1, "replicas": 4}


@contextmanager
def _gone(place: Place) -> Iterator[None]:
    """No Prometheus in the block, and one after it."""
    scale = partial(place.cluster.kubectl, "-n", NAMESPACE, "scale", "deploy/prometheus")
    scale("--replicas=0")
    try:
        yield
    finally:
        scale("--replicas=1")


def _serves(place: Place, count: int) -> None:
    place.apply(scaled(autoscaling=wants(count)))
    place.ready("mdep/small")
    decides(place)
    place.wait(lambda: replicas(place) == count, f"KEDA asks for {count}", 90)
    place.ready("mdep/small")


def _hpa_looks(place: Place) -> bool:
    [hpa] = place.items("hpa")
    said = {c["type"]: (c["status"], c["reason"]) for c in hpa["status"]["conditions"]}
    return said["ScalingActive"] == ("False", "FailedGetExternalMetric")


def test_what_there_is_stays(place: Place) -> None:
    """The HPA would go down at its next look: it has no window."""
    _serves(place, 3)
    before = standing(place)
    with _gone(place):
        place.wait(lambda: _hpa_looks(place), "the HPA has looked, and had no answer", 120)
        place.wait(lambda: said_by_keda(place, "Ready") == ("False", "TriggerError"), "KEDA says so", 90)
        place.wait(lambda: active(place)[:2] == ("False", "FailedGetExternalMetric"), "the model says so", 60)
        print(active(place))
        assert standing(place) == before
    place.wait(lambda: active(place)[0] == "True", "KEDA decides again", 120)
    assert standing(place) == before
    place.apply(scaled(autoscaling=wants(2)))
    place.wait(lambda: engines(place) == 2, "what Prometheus says is followed again", 120)


def test_a_fallback_of_somebody_s_own(place: Place) -> None:
    _serves(place, 2)
    patch = ("--type=merge", "-p", json.dumps({"spec": {"fallback": FALLBACK}}))
    place.kubectl("patch", "scaledobjects.keda.sh/small", *patch)
    with _gone(place):
        place.wait(lambda: replicas(place) == FALLBACK["replicas"], "KEDA falls back", 150)
        place.wait(lambda: active(place)[:2] == ("False", "FallbackExists"), "the model says so", 60)
        print(active(place))
        place.ready("mdep/small")
        assert engines(place) == FALLBACK["replicas"]
    place.wait(lambda: replicas(place) == 2, "what Prometheus says is followed again", 150)
    place.wait(lambda: active(place)[0] == "True", "KEDA decides again", 60)
    [made] = place.items("scaledobjects.keda.sh")
    assert made["spec"]["fallback"].items() >= FALLBACK.items(), "nobody took it away"
