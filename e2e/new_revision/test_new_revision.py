"""Promise: a changed engine field becomes a new revision that takes over when it is ready; streams in flight stay whole."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Place, engine_env, model, policy

pytestmark = pytest.mark.cluster


def test_a_changed_field_switches_without_a_lost_request(place: Place) -> None:
    slow = engine_env(DECODE_MS=20)
    place.apply(model(replicas=2, engine={"env": slow}), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    old = place.get("mdep/small")["status"]["activeRevision"]
    load = Load(place.router())
    with load.running(streams=8, tokens=60, short=2) as tally:
        place.apply(model(replicas=2, engine={"env": slow, "maxNumSeqs": 64}))
        place.wait(lambda: place.get("mdep/small")["status"]["activeRevision"] != old, "the new revision is active")
        place.wait(lambda: len(place.items("deploy", "tidegate.dev/role=engine")) == 1, "the old one is gone")
        place.wait(lambda: len(place.items("pods", "tidegate.dev/role=engine")) == 2, "its Pods have drained")
    new = place.get("mdep/small")["status"]["activeRevision"]
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    assert set(tally.revisions) == {old, new}
    place.ready("mdep/small", "rpol/front")
    argv = place.items("deploy", "tidegate.dev/role=engine")[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert argv[argv.index("--max-num-seqs") + 1] == "64"
    assert [
        r["metadata"]["labels"]["tidegate.dev/revision"]
        for r in place.items("controllerrevision", "tidegate.dev/model")
    ] == [new]


def test_no_room_for_both_says_what_to_do(place: Place) -> None:
    place.apply(model(engine={"gpus": {"count": 8}}, replicas=2))
    place.ready("mdep/small")
    old = place.get("mdep/small")["status"]["activeRevision"]
    place.apply(model(engine={"gpus": {"count": 8}, "maxNumSeqs": 64}, replicas=2))
    place.wait(
        lambda: place.condition("mdep/small", "Ready").get("reason") == "InsufficientCapacity", "there is no room"
    )
    told = place.condition("mdep/small", "Ready")
    assert told["status"] == "True"
    assert "kubectl annotate mdep/small tidegate.dev/make-room=" in told["message"]
    assert place.get("mdep/small")["status"]["activeRevision"] == old
    place.kubectl("scale", "mdep/small", "--replicas=0")
    place.wait(lambda: place.get("mdep/small")["status"]["activeRevision"] != old, "the new revision took over")
    place.kubectl("scale", "mdep/small", "--replicas=2")
    place.ready("mdep/small")


def test_a_broken_revision_never_takes_over(place: Place) -> None:
    place.apply(model())
    place.ready("mdep/small")
    old = place.get("mdep/small")["status"]["activeRevision"]
    place.apply(model(engine={"env": engine_env(LOAD_FAILURE=1)}))
    place.wait(lambda: "CrashLoopBackOff" in place.condition("mdep/small", "Ready").get("message", ""), "it crashes")
    status = place.get("mdep/small")["status"]
    assert (status["activeRevision"], status["readyReplicas"]) == (old, 1)
    place.apply(model())
    place.ready("mdep/small")
    assert [r["name"] for r in place.get("mdep/small")["status"]["revisions"]] == [old]


def test_suspend_touches_nothing(place: Place) -> None:
    place.apply(model())
    place.ready("mdep/small")
    place.apply(model(suspend=True, engine={"maxNumSeqs": 64}))
    place.wait(lambda: place.condition("mdep/small", "Suspended").get("status") == "True", "suspended is told")
    assert len(place.items("deploy")) == 1
    place.apply(model(engine={"maxNumSeqs": 64}))
    place.wait(lambda: len(place.items("deploy")) == 2, "work goes on")
    assert place.condition("mdep/small", "Suspended") == {}
