"""Promise: a new revision gets the shares that its steps say, one after the other, then all; or nothing more, at once, when a person says so.
No request fails by it, streams included."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from e2e.harness import Load, Object, Place, engine_env, model, policy, since
from e2e.rollouts import Rollout

pytestmark = pytest.mark.cluster
STEPS = [
    {"traffic": "1%", "hold": "4s"},
    {"traffic": "10%", "approval": "Manual"},
    {"traffic": "50%", "approval": "Manual"},
]


def _model(decode: int, **rollout: Any) -> Object:
    return model(
        replicas=2,
        engine={"env": engine_env(DECODE_MS=decode)},
        rollout={"canary": {"steps": STEPS}, **rollout},
        drain={"timeout": "15s"},
    )


@pytest.fixture
def serving(place: Place) -> Place:
    """Two engines behind two routers."""
    place.apply(_model(5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    return place


def _status(place: Place) -> Object:
    found: Object = place.get("mdep/small")["status"]
    return found


def _phase(place: Place) -> str:
    return str((_status(place).get("rollout") or {}).get("phase", ""))


def _rollout_in(place: Place, phase: str) -> Object | None:
    """status.rollout, while it is in this phase."""
    found: Object = _status(place).get("rollout") or {}
    return found if found.get("phase") == phase else None


def _at(place: Place) -> tuple[int, str]:
    rollout = _status(place).get("rollout") or {}
    return rollout.get("step", 0), rollout.get("phase", "")


def _annotate(place: Place, word: str, value: str) -> None:
    place.kubectl("annotate", "--overwrite", "mdep/small", f"tidegate.dev/{word}={value}")


def _share(place: Place, load: Load, revision: str) -> float:
    """Of 400 requests that are answered from now on; of so few a fair share is off by an eighth, and a tenth by a tenth, once in a million times."""
    before = Counter(load.tally.revisions)
    place.wait(lambda: since(load.tally.revisions, before).total() >= 400 or load.tally.failed, "400 answers", 120)
    answers = since(load.tally.revisions, before)
    return answers[revision] / answers.total()


def test_it_walks_and_takes_over(serving: Place) -> None:
    stable = _status(serving)["activeRevision"]
    load = Load(serving.router())
    with load.running(streams=4, tokens=20, short=8) as tally:
        serving.wait(lambda: tally.answers[200] > 20, "the load runs")
        serving.apply(_model(6))
        serving.wait(
            lambda: _at(serving) == (1, "Waiting"), "the first step is over, the second one waits for a person"
        )
        tried = _status(serving)["rollout"]["revision"]
        Rollout(serving).sent(10)
        assert 0.02 < _share(serving, load, tried) < 0.2
        _annotate(serving, "promote", f"{tried}/10%")
        serving.wait(lambda: _at(serving) == (2, "Waiting"), "the third one does")
        Rollout(serving).sent(50)
        assert 0.35 < _share(serving, load, tried) < 0.65
        assert serving.condition("mdep/small", "Ready")["status"] == "True"
        _annotate(serving, "promote", f"{tried}/50%")
        serving.wait(lambda: _status(serving)["activeRevision"] == tried, "it takes over")
        serving.wait(lambda: [r["name"] for r in _status(serving)["revisions"]] == [tried], "the old one has left")
    assert _phase(serving) == "Promoted"
    assert stable != tried
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def test_it_is_taken_back_at_once(serving: Place) -> None:
    stable = _status(serving)["activeRevision"]
    load = Load(serving.router())
    with load.running(streams=4, tokens=20, short=8) as tally:
        serving.wait(lambda: tally.answers[200] > 20, "the load runs")
        serving.apply(_model(6, paused=True))
        serving.wait(lambda: _phase(serving) == "Paused", "it is held at its first share")
        tried = _status(serving)["rollout"]["revision"]
        assert serving.condition("mdep/small", "Suspended")["reason"] == "RolloutPaused"
        _annotate(serving, "abort", tried)
        serving.wait(lambda: _phase(serving) == "RolledBack", "it is taken back")
        serving.wait(lambda: [r["name"] for r in _status(serving)["revisions"]] == [stable], "its engines have left")
        before = Counter(tally.revisions)
        serving.wait(lambda: tally.revisions[stable] > before[stable] + 100, "everybody is answered by the old one")
    assert since(tally.revisions, before)[tried] == 0
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    stalled = serving.condition("mdep/small", "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "RolledBack")
    assert serving.condition("mdep/small", "Ready")["status"] == "True"


def test_the_operator_is_killed_in_every_phase(serving: Place) -> None:
    """What has to survive is in the status: no step is skipped, and none begins twice."""
    serving.apply(_model(6))
    seen: list[tuple[int, str]] = []
    for phase in ("Holding", "Waiting"):
        found = serving.wait(partial(_rollout_in, serving, phase), phase)
        seen.append((found["step"], found["entered"]))
        serving.kubectl("delete", "pods", "-n", "tidegate-system", "--all", "--grace-period=0", "--force")
    serving.wait(lambda: _phase(serving) == "Waiting", "it goes on where it was")
    rollout = _status(serving)["rollout"]
    assert (rollout["step"], rollout["entered"]) == seen[1]
    assert [step for step, _ in seen] == [0, 1]
    _annotate(serving, "promote", rollout["revision"])
    serving.wait(lambda: _phase(serving) == "Promoted", "it is promoted", 120)
