"""Who leaves when there are to be fewer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tests.plan.model.test_trial import MODEL, Walk
from tests.support.builders import NOW, owner
from tidegate import names
from tidegate.plan.model.victims import ANNOTATION
from tidegate.plan.scaling.hung import Hung, Load
from tidegate.plan.world import ModelWorld


@dataclass
class Crowd(Walk):
    """Three engines, of which something is known."""

    loads: dict[str, Load] = field(default_factory=dict)
    hung: tuple[Hung, ...] = ()

    def model_world(self) -> ModelWorld:
        return replace(super().model_world(), loads=self.loads, hung=self.hung)

    def chosen(self, replicas: int) -> dict[str, str]:
        """What is written on Pods when so many are left."""
        self.edit({"replicas": replicas})
        return {cost.uid: cost.value for cost in self.run().costs}


def crowd(*ready: bool) -> Crowd:
    made = Crowd(owner(names.MODEL_DEPLOYMENT, "small", MODEL | {"replicas": len(ready)}))
    made.run()
    for number, answers in enumerate(ready):
        said: dict[str, Any] = {"podIP": f"10.0.0.{number}"}
        if answers:
            said["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-01T11:00:00Z"}]
        made.engine_pod("Active", said, f"engine-{number}")
        created = (NOW - timedelta(hours=9 - number)).isoformat().replace("+00:00", "Z")
        made.pods[-1]["metadata"] |= {"uid": f"u{number}", "creationTimestamp": created}
    return made


def test_nothing_is_written_while_nobody_leaves() -> None:
    made = crowd(True, True, True)
    assert made.chosen(3) == {}
    assert made.chosen(4) == {}


def test_what_is_not_ready_goes_first() -> None:
    assert crowd(True, False, True).chosen(2) == {"u1": "-1"}


def test_then_what_hangs() -> None:
    made = crowd(True, True, True)
    made.loads = {"u0": Load(1, 0.1), "u1": Load(9, 0.9), "u2": Load(0, 0.0)}
    made.hung = (Hung("u1", 0.0, 9, out=True),)
    assert made.chosen(2) == {"u1": "-1"}


def test_then_who_has_the_fewest_requests_and_then_the_emptiest_cache() -> None:
    made = crowd(True, True, True)
    made.loads = {"u0": Load(5, 0.1), "u1": Load(2, 0.6), "u2": Load(2, 0.5)}
    assert made.chosen(2) == {"u2": "-1"}


def test_nobody_knows_what_an_unread_one_would_lose() -> None:
    made = crowd(True, True, True)
    made.loads = {"u0": Load(50, 0.9), "u1": Load(60, 0.9)}
    assert made.chosen(2) == {"u0": "-1"}


def test_of_equals_the_youngest() -> None:
    made = crowd(True, True, True)
    made.loads = {f"u{n}": Load(2, 0.5) for n in range(3)}
    assert made.chosen(1) == {"u2": "-1", "u1": "-1"}


def test_what_was_chosen_once_is_taken_back() -> None:
    made = crowd(True, True, True)
    made.loads = {"u0": Load(5, 0.1), "u1": Load(2, 0.6), "u2": Load(9, 0.5)}
    made.pods[0]["metadata"]["annotations"] = {ANNOTATION: "-1"}
    assert made.chosen(2) == {"u0": "", "u1": "-1"}
