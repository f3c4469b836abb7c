"""Promise: a revision that is as good as the one before takes over by itself, step by step, while Prometheus says that it is. No request
fails by it, streams included."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Place, policy
from e2e.rollouts import OBJECTIVES, Rollout, judged

pytestmark = pytest.mark.cluster
LAST = str(OBJECTIVES[-1]["name"])


def test_it_walks_to_the_end(place: Place) -> None:
    place.prometheus()
    place.apply(judged(5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    stable = rollout.active
    with Load(place.router()).running(streams=6, tokens=20, short=8) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(judged(6))
        place.wait(lambda: rollout.gate("errors").get("outcome") == "passed", "its errors were counted", 120)
        assert " of " in rollout.gate("errors")["message"]
        place.wait(lambda: rollout.status.get("step") == 1, "the first step is over", 120)
        place.wait(lambda: rollout.gate(LAST).get("outcome") == "passed", "its last objective is met", 120)
        rollout.comes_to("Promoted", 180)
        assert rollout.active == rollout.status["revision"] != stable
    assert [window["traffic"] for window in rollout.status["windows"]] == [10, 50]
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
