"""How many engines a model should have: each row of the table in scaling.py, and what a plan wants looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.plan.model.test_trial import MODEL, ROLLOUT, Walk
from tests.support.builders import NOW, condition, owner, pod, policy, verdict
from tidegate import names
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Door, Scale
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.signals import Answer
from tidegate.plan.scaling.state import State
from tidegate.plan.world import ModelWorld

SPEC = {key: value for key, value in MODEL.items() if key != "replicas"}


@dataclass
class Scaled(Walk):
    """A model whose engines are counted by what they do."""

    scaled: Decision | None = None
    scrape: float | None = None

    def model_world(self) -> ModelWorld:
        return replace(super().model_world(), scaled=self.scaled, scrape=self.scrape)

    def decides(self, replicas: int, limit: Any = "Signal") -> None:
        self.scaled = Decision(replicas, limit, "words", (Answer("queue", 2.5, 2.5, "5 wait"),), State())

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = self.owner["status"]["autoscaling"]
        return found


def scaled(**spec: Any) -> Scaled:
    made = Scaled(
        owner(names.MODEL_DEPLOYMENT, "small", SPEC | {"autoscaling": {"minReplicas": 2, "maxReplicas": 6}} | spec)
    )
    made.policies = [policy(backends=[{"name": "small", "modelDeploymentRef": {"name": "small"}}])]
    made.run()
    return made


def test_nothing_is_known_yet() -> None:
    """Those that the Active revision has, within the bounds."""
    made = scaled()
    assert made.replicas() == {"Active": 2}
    assert made.told == {"desiredReplicas": 2}


def test_a_look_has_decided() -> None:
    made = scaled()
    made.decides(4)
    made.run()
    assert made.replicas() == {"Active": 4}
    assert made.owner["status"]["desiredReplicas"] == 4
    assert made.told["signals"] == [{"signal": "queue", "replicas": "2.50", "message": "5 wait"}]
    assert (made.told["limit"], made.told["message"], made.told["since"]) == ("Signal", "words", NOW.isoformat())


def test_an_operator_that_begins_anew_changes_nothing() -> None:
    made = scaled()
    made.decides(5)
    made.run()
    before = made.told
    made.scaled = None
    made.run()
    assert made.replicas() == {"Active": 5}
    assert made.told == before


@pytest.mark.parametrize(("decided", "wanted"), [(1, 2), (9, 6)])
def test_never_outside_of_the_bounds(decided: int, wanted: int) -> None:
    made = scaled()
    made.decides(decided)
    made.run()
    assert made.replicas() == {"Active": wanted}


def test_autoscaling_begins_with_what_there_is() -> None:
    made = scaled(autoscaling=None, replicas=4)
    made.edit({"autoscaling": {"maxReplicas": 6}, "replicas": None})
    made.run()
    assert made.replicas() == {"Active": 4}


def test_the_status_is_written_on_transitions_alone() -> None:
    """And now and then for what was learned."""
    made = scaled()
    made.decides(4)
    made.run()
    before = made.told
    made.now += timedelta(seconds=599)
    made.decides(4)
    made.run()
    assert made.told == before
    made.decides(4, "Window")
    made.run()
    assert made.told["limit"] == "Window"
    made.now += timedelta(seconds=600)
    made.run()
    assert made.told["since"] == made.now.isoformat()


def test_a_canary_gets_its_part_of_what_is_wanted() -> None:
    made = scaled(rollout=ROLLOUT)
    made.ready("Active", 2)
    made.go_on()
    made.decides(6)
    made.go_on()
    made.ready("Active", 6)
    made.edit({"engine": {"image": "other:1"}})
    made.go_on()
    assert made.replicas() == {"Active": 6, "Candidate": 1}
    made.decides(4)
    made.go_on()
    assert made.replicas() == {"Active": 4, "Candidate": 1}


ZERO = {"minReplicas": 0, "maxReplicas": 6, "scaleToZero": {"after": "5m", "holdRequests": "90s"}}


def test_a_new_model_shows_that_it_can_start() -> None:
    made = scaled(autoscaling=ZERO)
    assert made.replicas() == {"Active": 1}


def test_no_engine_is_a_state_of_health() -> None:
    made = scaled(autoscaling=ZERO)
    made.ready("Active", 1)
    made.go_on()
    made.decides(0, "Zero")
    made.run()
    assert made.replicas() == {"Active": 0}
    made.ready("Active", 0)
    made.go_on()
    assert verdict(made.owner["status"]) == ("True", "False", "False")
    ready = condition(made.owner["status"], "Ready")
    assert (ready["reason"], "waits up to 90s for an engine" in ready["message"]) == ("ScaledToZero", True)
    made.scaled = None
    made.run()
    assert made.replicas() == {"Active": 0}, "an operator that begins anew wakes nobody"
    made.decides(1, "Zero")
    made.run()
    assert made.replicas() == {"Active": 1}


def router_pod(name: str, address: str, **metadata: Any) -> dict[str, Any]:
    found = pod(name, {names.POLICY_LABEL: "chat"}, podIP=address)
    return found | {"metadata": found["metadata"] | metadata}


def test_routers_before_a_model_that_may_have_no_engine() -> None:
    made = scaled(autoscaling=ZERO)
    asked = order(made).settings
    assert asked
    assert (asked.least, asked.idle_after) == (0, 300.0)
    leaves = router_pod("leaves", "10.0.0.8", deletionTimestamp="2026-03-01T12:00:00Z")
    starts = pod("starts", {}, ready=False)
    world = replace(made.model_world(), routers=(router_pod("a", "10.0.0.7"), leaves, starts))
    plan = plan_model(world, NOW)
    assert plan.scale
    assert plan.scale.doors == (Door("10.0.0.7", leaves=False), Door("10.0.0.8", leaves=True))
    assert order(scaled()).doors == (), "nobody is asked for the others"


def order(made: Scaled) -> Scale:
    found = made.run().scale
    assert found
    return found


def test_what_is_looked_at() -> None:
    made = scaled()
    made.engine_pod(
        "Active",
        {
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-01T11:59:00Z"}],
        },
    )
    made.engine_pod("Active", {"podIP": "10.0.0.2"}, "engine-1")
    made.engine_pod("Active", {}, "engine-2")
    made.pods[1]["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    found = order(made)
    assert [(e.address, e.ready, e.draining) for e in found.engines] == [
        ("10.0.0.1", NOW.timestamp() - 60, False),
        ("10.0.0.2", None, True),
    ]
    assert found.settings
    assert (found.replicas, found.settings.least, found.settings.most, found.settings.sequences) == (2, 2, 6, 256)


def test_a_group_of_pods_is_one_engine() -> None:
    """Its leader answers for it. A worker has no metrics: it would be an engine that never says anything, and nothing would ever leave."""
    made = scaled()
    for name, role in (("leader", names.ROLE_ENGINE), ("worker", names.ROLE_WORKER)):
        made.engine_pod("Active", {"podIP": f"10.0.0.{len(made.pods)}"}, name)
        made.pods[-1]["metadata"]["labels"][names.ROLE_LABEL] = role
    found = order(made)
    assert [engine.pod for engine in found.engines] == ["small-leader"]
    assert len(found.placed) == 2


def test_engines_of_a_revision_that_retires_get_no_new_requests() -> None:
    made = scaled()
    made.ready("Active", 2)
    made.go_on()
    made.engine_pod("Active", {"podIP": "10.0.0.1"})
    made.edit({"engine": {"image": "other:1"}})
    made.run()
    made.ready("Candidate", 2)
    made.run()
    made.run()
    assert [r["role"] for r in made.owner["status"]["revisions"]] == ["Active", "Retiring"]
    assert [e.draining for e in order(made).engines] == [True]


def test_nothing_is_looked_at_without_it_or_while_suspended() -> None:
    assert scaled(autoscaling=None).run().scale is None
    assert scaled(suspend=True).run().scale is None


def test_what_was_learned_comes_back() -> None:
    made = scaled()
    made.decides(3)
    made.run()
    assert set(order(made).memory) == {"learned", "headroom", "startups", "changes"}
    made.owner["status"]["autoscaling"]["memory"] = "junk"
    assert order(made).memory == {}


def test_signals_of_prometheus() -> None:
    signals = [
        {"name": "ttft", "timeToFirstToken": {"percentile": "95", "target": "500ms"}},
        {"name": "own", "query": {"promQL": "sum(x)", "target": "5"}},
        {"name": "queue", "queueDepth": {"target": 5}},
    ]
    made = scaled(autoscaling={"maxReplicas": 6, "signals": signals})
    assert order(made).questions == {}, "there is no Prometheus"
    made.scrape = 15.0
    plan = made.run()
    assert plan.scale
    asked = {name: q.query.promql for name, q in plan.scale.questions.items() if q.query}
    series = 'tidegate_time_to_first_token_seconds_bucket{namespace="shop",model="small"}[1m]'
    assert asked == {"ttft": f"histogram_quantile(0.95, sum by (le) (rate({series})))", "own": "sum(x)"}
    assert set(plan.scale.questions.values()) <= set(plan.ask)
