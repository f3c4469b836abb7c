"""Promise: with provider KEDA a real KEDA decides, by what Prometheus has of our engines."""

from __future__ import annotations

import time

import pytest

from e2e.harness import Load, Place, policy
from e2e.keda_provider.scaled import FAST, active, decides, engines, replicas, scaled, valued

pytestmark = [pytest.mark.cluster, pytest.mark.long]
QUEUE = {"name": "queue", "queueDepth": {"target": 4}}
KV = {"name": "kv", "kvCacheUtilization": {"target": "50%"}}
UNDER_WAY = {"name": "under-way", "requestsPerReplica": {"target": 8}}
SILENT = {"name": "silent", "query": {"promQL": "of_nobody", "target": "1"}}
OWN = {"name": "own", "query": {"promQL": "vector(3)", "target": "1"}}


def test_a_burst_and_its_end(place: Place) -> None:
    place.apply(scaled(autoscaling={"signals": [QUEUE], "behavior": FAST}), policy())
    place.ready("mdep/small", "rpol/front")
    decides(place)
    with Load(place.router()).running(streams=24, tokens=60, short=2) as tally:
        began = time.monotonic()
        place.wait(lambda: replicas(place) > 1, "KEDA asks for more", 90)
        print(f"KEDA asked for more after {time.monotonic() - began:.1f} s")
        place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] > 1, "they answer", 90)
        assert place.get("mdep/small")["status"]["autoscaling"]["provider"] == "KEDA"
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    place.wait(lambda: replicas(place) == 1, "KEDA takes them away again", 120)
    place.wait(lambda: engines(place) == 1, "they leave", 90)


def test_each_signal_is_one_that_keda_can_read(place: Place) -> None:
    place.apply(scaled(autoscaling={"signals": [QUEUE, KV, UNDER_WAY, OWN]}), policy())
    place.ready("mdep/small", "rpol/front")
    decides(place)
    place.wait(lambda: replicas(place) == 3, "the query asks for 3", 90)
    place.wait(lambda: valued(place) == 4, "the HPA has a number of every trigger")


def test_one_that_has_no_answer_takes_nobody_away(place: Place) -> None:
    def asks(engines: int) -> None:
        said = OWN | {"query": {"promQL": f"vector({engines})", "target": "1"}}
        place.apply(scaled(autoscaling={"signals": [said, SILENT], "behavior": FAST}))

    asks(3)
    place.wait(lambda: replicas(place) == 3, "the one that answers asks for 3", 120)
    place.wait(lambda: active(place)[:2] == ("True", "PartialTriggerError"), "the model says that one fails", 120)
    print(active(place))
    asks(1)
    place.wait(lambda: active(place)[:2] == ("False", "FailedGetExternalMetric"), "the HPA would go down", 120)
    assert replicas(place) == 3
