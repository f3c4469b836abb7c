"""Promise: a model scales while a canary is under way, the canary keeps its share, and no request fails."""

from __future__ import annotations

from collections import Counter

import pytest

from e2e.harness import Load, Object, Place, engine_env, model, policy, since
from e2e.rollouts import Rollout

pytestmark = pytest.mark.cluster
STEPS = [{"traffic": "25%", "approval": "Manual"}]


def _model(decode: int) -> Object:
    return model(
        engine={"env": engine_env(DECODE_MS=decode), "maxNumSeqs": 6},
        autoscaling={"minReplicas": 2, "maxReplicas": 6, "signals": [{"name": "queue", "queueDepth": {"target": 2}}]},
        rollout={"canary": {"steps": STEPS}},
        drain={"timeout": "15s"},
    )


def _revisions(place: Place) -> dict[str, Object]:
    return {revision["role"]: revision for revision in place.get("mdep/small")["status"]["revisions"]}


def test_a_canary_under_load(place: Place) -> None:
    place.apply(_model(20), policy())
    place.ready("mdep/small", "rpol/front")
    place.apply(_model(21))
    rollout = Rollout(place)
    rollout.comes_to("Waiting")
    before = _revisions(place)
    load = Load(place.router())
    with load.running(streams=30, tokens=60, short=2) as tally:
        place.wait(lambda: _revisions(place)["Active"]["replicas"] > before["Active"]["replicas"], "more engines")
        grown = _revisions(place)
        place.wait(lambda: _revisions(place)["Active"]["readyReplicas"] >= grown["Active"]["replicas"], "they answer")
        assert (rollout.status["traffic"], rollout.status["step"]) == (25, 0)
        rollout.sent(25)
        before_share = Counter(tally.revisions)
        place.wait(lambda: since(tally.revisions, before_share).total() >= 400 or tally.failed, "answers", 120)
        answers = since(tally.revisions, before_share)
        share = answers[grown["Candidate"]["name"]] / answers.total()
        scale = place.get("mdep/small")["status"]
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    assert 0.12 < share < 0.38, "of 400, once in a hundred million times it is not"
    assert scale["replicas"] <= scale["desiredReplicas"]
    rollout.annotate("promote", rollout.status["revision"])
    rollout.comes_to("Promoted")
    assert len(place.get("mdep/small")["status"]["revisions"]) >= 1
