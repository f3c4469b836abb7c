"""Promise: a revision on trial gets its share of a model's requests whoever routes them, and of a backend's share where there are several."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Place, model, policy
from e2e.rollouts import Rollout, judged

pytestmark = pytest.mark.cluster
STEPS = {"canary": {"steps": [{"traffic": "50%", "hold": "10m"}]}}
SHARED = {"chat": [{"name": "small", "weight": 1}, {"name": "large", "weight": 1}]}


def _share(place: Place, load: Load, revisions: tuple[str, str]) -> float:
    """Of the second one, among the answers of both from now on."""
    seen = load.tally.revisions
    seen.clear()
    place.wait(lambda: sum(seen[name] for name in revisions) >= 200, "200 answers")
    return seen[revisions[1]] / sum(seen[name] for name in revisions)


def test_both_send_it_the_same_share(place: Place) -> None:
    place.apply(judged(5, objectives=[], **STEPS), model("large"), policy("front"), policy("other", SHARED))
    place.ready("mdep/small", "mdep/large", "rpol/front", "rpol/other")
    rollout = Rollout(place)
    stable = rollout.active
    front, other = Load(place.router("front")), Load(place.router("other"))
    with front.running(streams=3, tokens=10, short=4), other.running(streams=3, tokens=10, short=4):
        place.apply(judged(6, objectives=[], **STEPS))
        tried = rollout.comes_to("Holding")["revision"]
        assert 0.35 < _share(place, front, (stable, tried)) < 0.65
        assert 0.35 < _share(place, other, (stable, tried)) < 0.65
        rollout.annotate("promote", tried)
        rollout.comes_to("Promoted")
    for load in (front, other):
        assert (load.tally.errors[:3], load.tally.failed, load.tally.cut) == ([], 0, 0)
