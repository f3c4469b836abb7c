"""Rollouts, autoscaling and suspension at the same time: what one of them divides or stops, no other one takes for what there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.plan.model.test_scaling import Scaled, scaled
from tests.plan.model.test_trial import ROLLOUT
from tidegate.plan.scaling.hung import Hung
from tidegate.plan.world import ModelWorld

SWAPPED: dict[str, Any] = {
    "strategy": "RollingUpdate",
    "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
}


def divided() -> Scaled:
    """Four engines, of which a rolling update has three already."""
    made = scaled(autoscaling=None, replicas=4, rollout=SWAPPED)
    made.ready("Active", 4)
    made.go_on()
    made.edit({"engine": {"image": "other:1"}})
    made.go_on()
    for _ in range(2):
        candidate = made.replicas()["Candidate"]
        made.ready("Active", made.replicas()["Active"])
        made.ready("Candidate", candidate)
        made.go_on()
    assert made.replicas() == {"Active": 1, "Candidate": 3}
    return made


@pytest.mark.parametrize("provider", ["Operator", "HPA"])
def test_autoscaling_that_begins_in_a_rollout_begins_with_all_engines(provider: str) -> None:
    made = divided()
    made.edit({"autoscaling": {"maxReplicas": 6, "provider": provider}, "replicas": None})
    made.run()
    assert made.told["desiredReplicas"] == 4
    assert made.replicas() == {"Active": 1, "Candidate": 3}


def test_more_engines_before_its_first_share_skip_no_step() -> None:
    """Of one engine there is one step, of 100 %; of four the last one has 100 %, and where nobody has room, no old engine."""
    made = scaled(autoscaling=None, replicas=1, rollout={"strategy": "RollingUpdate", "capacity": {"whenFull": "Swap"}})
    made.ready("Active", 1)
    made.go_on()
    made.edit({"engine": {"image": "other:1"}})
    made.go_on()
    assert made.replicas() == {"Active": 1, "Candidate": 1}
    made.edit({"replicas": 4})
    made.go_on()
    assert (made.replicas(), made.rollout["step"]) == ({"Active": 4, "Candidate": 1}, 0)


class Hanging(Scaled):
    """Some engines hang."""

    hung: tuple[Hung, ...] = ()

    def model_world(self) -> ModelWorld:
        return replace(super().model_world(), hung=self.hung)


def test_a_candidate_whose_engine_hangs_gets_no_share() -> None:
    """Routers never leave a revision without an engine, so its share would go to the one that hangs."""
    made = scaled(autoscaling=None, replicas=4, rollout=ROLLOUT)
    made.__class__ = Hanging
    assert isinstance(made, Hanging)
    made.ready("Active", 4)
    made.go_on()
    made.edit({"engine": {"image": "other:1"}})
    made.go_on()
    made.ready("Candidate", 1)
    made.engine_pod("Candidate", {"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}]}, "new")
    made.go_on()
    assert made.traffic() == {"Active": 90, "Candidate": 10}
    made.hung = (Hung("uid-of-small-new", made.now.timestamp() - 20, 3, out=True),)
    made.go_on()
    assert made.traffic() == {"Active": 100, "Candidate": 0}
    assert (made.rollout["phase"], made.rollout["step"]) == ("Starting", 0)
    made.hung = ()
    made.go_on()
    assert made.traffic() == {"Active": 90, "Candidate": 10}


def test_back_from_an_hpa_the_operator_goes_on_with_what_there_is() -> None:
    """What it would have asked for was decided without its own windows and policies: another provider has its own."""
    made = scaled(autoscaling={"maxReplicas": 12, "provider": "HPA"}, replicas=10)
    made.owner["status"]["autoscaling"] = {"desiredReplicas": 10, "provider": "HPA"}
    made.decides(3)
    made.run()
    assert made.told["desiredReplicas"] == 10
    made.edit({"autoscaling": {"provider": "Operator"}, "replicas": None})
    made.run()
    assert (made.told["desiredReplicas"], "provider" in made.told) == (10, False)
