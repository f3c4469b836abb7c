"""A rollout where GPUs are few: the plan, pass by pass, and what status.rollout says of it."""

from __future__ import annotations

from typing import Any

from tests.plan.model.test_courses import seen
from tests.plan.model.test_gated import Judged, judged
from tidegate.plan.capacity.nodes import Node, Nodes
from tidegate.plan.model.surge import ASKED_EVERY
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.samples import Sample

STEPS = {"steps": [{"traffic": "10%", "hold": "0s"}, {"traffic": "50%", "hold": "0s"}]}
GPUS = Question(ObjectKey("v1", "Node", "", "nvidia.com/gpu"))


class Full(Judged):
    """Nodes have no GPU left, whoever asks."""

    def model_world(self) -> Any:
        self.heard[GPUS] = Sample(Nodes((Node("a", 0),)), 0.0)
        return super().model_world()


def full(**rollout: Any) -> Judged:
    made = judged([], canary=STEPS, **rollout)
    made.__class__ = Full
    return made


def test_one_engine_out_and_one_in() -> None:
    made = full(capacity={"whenFull": "Swap"})
    walked = seen(made, 6)
    assert (made.rollout["phase"], made.replicas()) == ("Promoted", {"Active": 4})
    assert all(new + old <= 4 for new, old, _ in walked[1:])
    assert made.rollout["surge"] == 0


def test_it_is_asked_only_while_a_revision_takes_over() -> None:
    made = full(capacity={"whenFull": "Swap"})
    assert made.run().ask[GPUS] == ASKED_EVERY
    seen(made, 6)
    assert GPUS not in made.run().ask


def test_who_waits_keeps_all_old_engines() -> None:
    made = full()
    made.run()
    assert made.replicas() == {"Active": 4, "Candidate": 1}
    assert "nodes have room for 0 of them: the others wait for GPUs" in made.rollout["plan"]
    assert made.rollout["surge"] is None


def test_what_is_left_is_told_until_it_is_over() -> None:
    made = judged([], canary=STEPS)
    first = made.rollout["plan"]
    assert first.startswith(
        "2 steps, then all of the requests: up to 4 engines more than there are (4 GPUs); whether GPUs are"
    )
    seen(made, 6)
    assert made.rollout["phase"] == "Promoted"
    assert made.rollout["plan"] is None


def test_no_more_than_max_surge_gpus() -> None:
    made = judged([], canary=STEPS, capacity={"maxSurgeGPUs": 1})
    walked = seen(made, 8)
    assert made.rollout["phase"] == "Promoted"
    assert all(new + old <= 5 for new, old, _ in walked)


def test_the_question_is_the_models_own() -> None:
    made = judged([])
    asked = {one for one in made.run().ask if one.about.kind == "Node"}
    assert asked == {GPUS}


def test_who_has_taken_the_place_of_all_old_engines_does_not_stand_in_for_them() -> None:
    """The old revision has no engine left, as was planned, when the new one becomes Active."""
    made = full(capacity={"whenFull": "Swap"})
    while made.rollout["step"] < made.rollout["steps"] - 1:
        made.look()
        made.wait("30s")
    made.ready("Candidate", 3)
    made.ready("Active", 0)
    for _ in range(3):
        made.run()
        made.routers_follow()
    assert made.revision("Active") == made.rollout["revision"], (
        "the last of the old ones left before the last new one came"
    )
    made.ready("Active", 4)
    for _ in range(3):
        made.run()
        made.routers_follow()
    assert (made.rollout["phase"], made.replicas()["Active"]) == ("Promoted", 4)


def test_less_room_than_nodes_said_is_less() -> None:
    """A reading is some seconds old, and knows GPUs alone. With one that has no place, nothing would go on until it is taken back for being late."""
    made = full(capacity={"whenFull": "Swap"})
    made.heard[GPUS] = Sample(Nodes((Node("a", 1),)), 0.0)
    made.__class__ = Judged
    made.go_on()
    assert (made.rollout["surge"], made.replicas()) == (1, {"Active": 4, "Candidate": 1})
    waits = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient memory"}
    made.engine_pod("Candidate", {"conditions": [waits]})
    made.go_on()
    assert (made.rollout["surge"], made.replicas()) == (0, {"Active": 3, "Candidate": 1})
    made.pods[-1] |= {"spec": {"nodeName": "a"}, "status": {}}
    made.go_on()
    assert (made.rollout["surge"], made.replicas()) == (0, {"Active": 3, "Candidate": 1})
