"""What a rollout will do, before it does it: each strategy, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.api.rollout import Rollout
from tidegate.plan.model.courses import course
from tidegate.plan.model.forecast import Outlook, about, forecast, sentence, startup
from tidegate.plan.plan import Footprint

GPU = "nvidia.com/gpu"
TWO = Footprint({"containers": [{"resources": {"limits": {GPU: "2"}}}]}, GPU)
NONE = Footprint({"containers": [{}]}, GPU)
SWAP = {"capacity": {"whenFull": "Swap"}}
RECREATE = {"strategy": "Recreate"}
ROLLING = {"strategy": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}


def seen(rollout: dict[str, Any] | None, surge: int | None = None, **more: Any) -> Outlook:
    asked = None if rollout is None else Rollout.model_validate(rollout)
    steps = course(asked, 4, surge=surge) if asked else None
    known: dict[str, Any] = {"replicas": 4, "engine": TWO, "room": 9, "startup": 60.0, **more}
    return Outlook(asked, steps, **known)


@pytest.mark.parametrize(
    ("at", "more", "missing", "fewest", "starts", "downtime"),
    [
        (seen({}), 4, 0, 4, 3, False),
        (seen(None), 4, 0, 4, 1, False),
        (seen({"strategy": "BlueGreen"}), 4, 0, 4, 1, False),
        (seen(ROLLING), 1, 0, 4, 4, False),
        (seen(SWAP, surge=0), 0, 0, 3, 4, False),
        (seen(SWAP, surge=2), 2, 0, 4, 3, False),
        (seen(RECREATE), 0, 0, 0, 1, True),
        (seen({}, room=1), 4, 3, 4, 3, False),
        (seen({}, room=None), 4, None, 4, 3, False),
        (seen({}, at=4, there=2, room=1), 2, 1, 4, 1, False),
        (seen({}, at=5, there=4), 0, 0, 4, 0, False),
    ],
)
def test_engines(at: Outlook, more: int, missing: int | None, fewest: int, starts: int, downtime: bool) -> None:
    found = forecast(at)
    assert (found.more, found.missing, found.fewest, found.starts) == (more, missing, fewest, starts)
    assert found.gpus == 2 * more
    assert found.downtime is downtime


def test_time() -> None:
    assert forecast(seen({})).seconds == 50 * 60 + 3 * 60
    assert forecast(seen({"canary": {"steps": [{"traffic": "5%", "approval": "Manual"}]}})).approvals == 1
    assert forecast(seen({}, startup=None)).seconds is None


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (
            seen({}, counted=True),
            "5 steps, then all of the requests: up to 4 engines more than there are (8 GPUs); nodes have room for them; "
            "about 53 min, 3 start-ups of 60 s included; all old engines answer until the new ones do; "
            "objectives are compared with the old revision at each step",
        ),
        (
            seen(SWAP, surge=0, room=0, counted=True),
            "8 steps: no engine more than there are; about 54 min, 4 start-ups of 60 s included; "
            "down to 3 of 4 engines answer while others start; somebody always does; "
            "objectives are compared with the old revision at each step",
        ),
        (
            seen(RECREATE, counted=True),
            "1 step: no engine more than there are; about 60 s, 1 start-up of 60 s included; "
            "nobody answers for about 60 s, while the first engine starts; "
            "objectives are looked at after the switch, by their limits alone, until they pass once",
        ),
        (
            seen(None, room=1, startup=None),
            "all of the requests at once: up to 4 engines more than there are (8 GPUs); nodes have room for 1 of them: the "
            "others wait for GPUs; how long an engine takes to start is not known yet; all old engines answer until the new "
            "ones do; no objectives: nothing is judged",
        ),
        (
            seen(None, room=None, blind="nodes is forbidden", engine=TWO, counted=True),
            "all of the requests at once: up to 4 engines more than there are (8 GPUs); whether GPUs are free is not known: "
            "nodes is forbidden; about 60 s, 1 start-up of 60 s included; all old engines answer until the new ones do; "
            "objectives are not looked at: there are no steps",
        ),
        (
            seen({"canary": {"steps": [{"traffic": "50%", "approval": "Manual"}]}}, engine=NONE, startup=None),
            "1 step, then all of the requests: up to 4 engines more than there are; how long an engine takes to start is not "
            "known yet, and as long as people take for 1 approval; all old engines answer until the new ones do; no objectives: "
            "nothing is judged",
        ),
    ],
)
def test_sentences(at: Outlook, said: str) -> None:
    assert sentence(at) == said


def pod(took: int = 70, restarts: int = 0, ready: str = "True") -> dict[str, Any]:
    since = {"type": "Ready", "status": ready, "lastTransitionTime": f"2026-03-01T10:{took // 60:02}:{took % 60:02}Z"}
    status = {"conditions": [since], "containerStatuses": [{"restartCount": restarts}]}
    return {"metadata": {"creationTimestamp": "2026-03-01T10:00:00Z"}, "status": status}


def test_a_start_up_is_what_was_learned_else_what_pods_took() -> None:
    learned = {"autoscaling": {"memory": {"startups": {"seconds": [30.0, 40.0, 90.0]}}}}
    assert startup(learned, [pod()]) == 40
    assert startup({}, [pod(70), pod(90), pod(600, restarts=1), pod(5, ready="False")]) == 80
    assert startup({}, []) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(4, "4 s"), (64, "60 s"), (119, "120 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_about(seconds: float, said: str) -> None:
    assert about(seconds) == said
