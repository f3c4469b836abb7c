"""Promise: engines that are full by their KV cache get company before anything waits, and `kubectl tidegate scale explain` says so."""

from __future__ import annotations

import pytest

from e2e.explained import explain, looks
from e2e.harness import Load, Place, engine_env, model, policy

pytestmark = pytest.mark.cluster
BLOCKS = 48
"""Of 16 tokens: nine streams of 80 tokens."""


def test_full_caches(place: Place) -> None:
    place.apply(
        model(
            engine={"env": engine_env(DECODE_MS=25, KV_BLOCKS=BLOCKS), "maxModelLen": 256, "maxNumSeqs": 64},
            autoscaling={"maxReplicas": 3, "signals": [{"name": "kv", "kvCacheUtilization": {"target": "60%"}}]},
            drain={"timeout": "15s"},
        ),
        policy(),
    )
    place.ready("mdep/small", "rpol/front")
    with Load(place.router()).running(streams=7, tokens=64, short=0) as tally:
        place.wait(lambda: place.get("mdep/small")["status"]["autoscaling"]["desiredReplicas"] > 1, "more engines", 60)
        seen = looks(place)
        place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] > 1, "they answer", 60)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    more = next(look for look in seen if look["wanted"] > look["asked"])
    assert more["limit"] in ("Signal", "Max")
    under_way = next(signal for signal in more["signals"] if signal["name"] == "under way")
    assert under_way["need"] > 1
    shown = explain(place)
    assert shown.returncode == 0, shown.stderr
    assert "under way" in shown.stdout
    assert any(block in shown.stdout for block in "▂▃▄▅▆▇█")
    assert {event["reason"] for event in place.items("events.events.k8s.io")} & {"ScaledUp"}


def test_a_model_that_does_not_scale(place: Place) -> None:
    place.apply(model())
    shown = explain(place)
    assert (shown.returncode, "does not scale" in shown.stdout) == (0, True)
