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
        place.wait(lambda: place.get("mdep/small")["status"]["autoscaling"]["desiredReplicas"] > 1, "more engines")
        place.wait(lambda: _by_what_is_under_way(place), "what is under way asks for more than one engine")
        place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] > 1, "they answer")
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    shown = explain(place)
    assert shown.returncode == 0, shown.stderr
    assert "under way" in shown.stdout
    assert any(block in shown.stdout for block in "▂▃▄▅▆▇█")
    assert {event["reason"] for event in place.items("events.events.k8s.io")} & {"ScaledUp"}


def _by_what_is_under_way(place: Place) -> bool:
    """Nothing waits; the KV cache alone says so."""
    signals = [{signal["name"]: signal["need"] for signal in look["signals"]} for look in looks(place)]
    return any(need.get("under way", 0) > 1 and "backlog" not in need for need in signals)


def test_a_model_that_does_not_scale(place: Place) -> None:
    place.apply(model())
    shown = explain(place)
    assert (shown.returncode, "does not scale" in shown.stdout) == (0, True)
