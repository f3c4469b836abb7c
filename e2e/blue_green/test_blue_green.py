"""Promise: a blue/green asks nobody's requests of a revision that fails its smoke tests, switches all of them at once, and goes back at once.
No request fails by it, streams included."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from e2e.harness import Load, Object, Place, Tally, policy, since
from e2e.rollouts import GATES, OBJECTIVES, Rollout, judged

pytestmark = pytest.mark.cluster
SMOKE = {
    "name": "answers",
    "request": {"messages": [{"role": "user", "content": "Say OK"}], "max_tokens": 5},
    "expect": {"contains": "choices", "jsonValue": {"path": "choices[0].message.role", "equals": "assistant"}},
}


def _model(decode: float, faults: Object | None = None, **blue_green: object) -> Object:
    made = judged(decode, faults, OBJECTIVES)
    made["spec"]["rollout"] = {
        "strategy": "BlueGreen",
        "canary": {"minRequests": 50, "warmUp": "0s"},
        "blueGreen": {"smokeTests": [SMOKE], "keepPrevious": "15s", **blue_green},
        "gates": GATES,
    }
    return made


@pytest.fixture
def rollout(place: Place) -> Rollout:
    """Two engines behind two routers."""
    place.prometheus()
    place.apply(_model(5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    return Rollout(place)


def test_it_switches_and_is_promoted(place: Place, rollout: Rollout) -> None:
    stable = rollout.active
    with Load(place.router()).running(streams=6, tokens=20, short=8) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(_model(6))
        place.wait(lambda: rollout.status.get("traffic") == 100, "the switch")
        tried = rollout.status["revision"]
        assert rollout.active == stable, "the way back"
        rollout.sent(100)
        place.wait(
            partial(_all_by, tried, tally, Counter(tally.revisions)), "a hundred answers, none of them by the old one"
        )
        rollout.comes_to("Promoted")
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    assert rollout.active == tried


def test_a_smoke_test_fails(place: Place, rollout: Rollout) -> None:
    with Load(place.router()).running(streams=4, tokens=20, short=4) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(_model(5, {"ERROR_RATE": 1}))
        status = rollout.comes_to("RolledBack")
    assert status["message"].startswith("answers failed: status 500 instead of 200")
    assert tally.revisions[status["revision"]] == 0
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def test_back_at_once(place: Place, rollout: Rollout) -> None:
    """A person says so after the switch: its engines are still there."""
    stable = rollout.active
    with Load(place.router()).running(streams=6, tokens=20, short=8) as tally:
        place.apply(_model(6, keepPrevious="10m"))
        place.wait(lambda: rollout.status.get("traffic") == 100, "the switch")
        tried = rollout.status["revision"]
        place.wait(lambda: tally.revisions[tried] > 20, "the new one answers")
        kept = _engines(place, stable)
        rollout.annotate("abort", tried)
        before = tally.revisions[stable]
        place.wait(lambda: tally.revisions[stable] > before + 20, "the old one answers")
        assert _engines(place, stable) == kept
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def _all_by(revision: str, tally: Tally, before: Counter[str]) -> bool:
    """Whether a hundred answers were by this revision since the last one that was by another; of which some end after the switch."""
    answers = since(tally.revisions, before)
    if set(answers) - {revision}:
        before.update(answers)
        return False
    return answers[revision] > 100


def _engines(place: Place, revision: str) -> set[str]:
    """Their Pods' uids."""
    pods = place.items("pods", f"tidegate.dev/role=engine,tidegate.dev/revision={revision}")
    return {pod["metadata"]["uid"] for pod in pods}
