"""Promise: a revision on trial gets its share of a model's requests whoever routes them, and of a backend's share where there are several."""

from __future__ import annotations

from collections import Counter

import pytest

from e2e.harness import Load, Place, model, policy, since
from e2e.rollouts import Rollout, judged

pytestmark = pytest.mark.cluster
STEPS = {"canary": {"steps": [{"traffic": "50%", "hold": "10m"}]}}
SHARED = {"chat": [{"name": "small", "weight": 1}, {"name": "large", "weight": 1}]}


def _share(place: Place, load: Load, revisions: tuple[str, str]) -> float:
    """Of the second one, among the answers of both from now on."""
    before = Counter(load.tally.revisions)

    def answers() -> tuple[int, int]:
        seen = since(load.tally.revisions, before)
        return seen[revisions[0]], seen[revisions[1]]

    place.wait(lambda: sum(answers()) >= 400, "400 answers", 120)
    one, other = answers()
    return other / (one + other)


def test_both_send_it_the_same_share(place: Place) -> None:
    place.apply(judged(5, objectives=[], **STEPS), model("large"), policy("front"), policy("other", SHARED))
    place.ready("mdep/small", "mdep/large", "rpol/front", "rpol/other")
    rollout = Rollout(place)
    stable = rollout.active
    front, other = Load(place.router("front")), Load(place.router("other"))
    with front.running(streams=3, tokens=10, short=4), other.running(streams=3, tokens=10, short=4):
        place.apply(judged(6, objectives=[], **STEPS))
        tried = rollout.comes_to("Holding")["revision"]
        for name, load in (("front", front), ("other", other)):
            rollout.sent(50, name)
            assert 0.35 < _share(place, load, (stable, tried)) < 0.65, "of 400, twice in a billion times it is not"
        rollout.annotate("promote", tried)
        rollout.comes_to("Promoted")
    for load in (front, other):
        assert (load.tally.errors[:3], load.tally.failed, load.tally.cut) == ([], 0, 0)
