"""Promise: a spec that is changed while a revision is on trial means what it says, at once. No request fails by it."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Place, policy
from e2e.rollouts import Rollout, judged

pytestmark = pytest.mark.cluster
STEPS = {"canary": {"steps": [{"traffic": "20%", "hold": "10m"}]}}


def _revisions(place: Place) -> list[str]:
    return [r["name"] for r in place.get("mdep/small")["status"]["revisions"]]


def test_changed_again_and_reverted(place: Place) -> None:
    place.apply(judged(5, objectives=[], **STEPS), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    stable = rollout.active
    with Load(place.router()).running(streams=6, tokens=20, short=6) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(judged(6, objectives=[], **STEPS))
        first = rollout.comes_to("Holding")["revision"]
        place.apply(judged(7, objectives=[], **STEPS))
        place.wait(lambda: rollout.status["revision"] != first and rollout.phase == "Holding", "the next one is tried")
        second = rollout.status["revision"]
        place.wait(lambda: _revisions(place) == [stable, second], "the first one has left")
        place.apply(judged(5, objectives=[], **STEPS))
        place.wait(lambda: _revisions(place) == [stable], "the change was taken back")
        place.ready("mdep/small")
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    ended = [(past["revision"], past["result"]) for past in rollout.status["history"]]
    assert ended == [(second, "Superseded"), (first, "Superseded")]
    assert rollout.active == stable
