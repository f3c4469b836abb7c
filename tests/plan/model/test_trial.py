"""A model's new revision walks through its steps: the plan, pass by pass, with everything that happens around it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import owner, policy
from tests.support.simulation import Simulation
from tidegate import names

STEPS = [{"traffic": "10%", "hold": "10m"}, {"traffic": "50%", "approval": "Manual"}]
ROLLOUT: dict[str, Any] = {"canary": {"steps": STEPS}}
MODEL = {"model": {"uri": "hf://acme/tiny"}, "engine": {"gpus": {"count": 1}}, "replicas": 4}


class Walk(Simulation):
    """A model that serves, whose routers do at once what the plan says."""

    def routers_follow(self) -> None:
        """All of them send what the status says."""
        sent = [{"name": r["name"], "weight": r["traffic"]} for r in self.owner["status"]["revisions"] if r["traffic"]]
        said = {
            "hash": "x",
            "live": 1,
            "behind": 0,
            "silent": 0,
            "backends": [{"name": "small", "revisions": sent}],
            "older": [],
        }
        self.policies = [{**self.policies[0], "status": {"configuration": said}}, *self.policies[1:]]

    def other_policy(self, name: str, **routers: int) -> None:
        """One more that names the model, whose routers send everything to the Active one."""
        sent = [{"name": self.revision("Active"), "weight": 100}]
        said = {"live": 0, "behind": 0, "silent": 0, "backends": [{"name": "small", "revisions": sent}], **routers}
        first = self.policies[0]
        made = {**first, "metadata": {**first["metadata"], "name": name}, "status": {"configuration": said}}
        self.policies = [*self.policies, made]

    def go_on(self) -> None:
        """Passes as long as a plan asks for another one, or what it made routers do is news."""
        for _ in range(12):
            before = self.policies
            plan = self.run()
            self.routers_follow()
            if not plan.again and self.policies == before:
                return
        raise AssertionError("it does not come to rest")

    @property
    def rollout(self) -> dict[str, Any]:
        found: dict[str, Any] = self.owner["status"]["rollout"]
        return found

    def says(self, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition."""
        found = next(c for c in self.owner["status"]["conditions"] if c["type"] == kind)
        return found["status"], found["reason"], found["message"]

    def traffic(self) -> dict[str, int]:
        """By role."""
        return {r["role"]: r["traffic"] for r in self.owner["status"]["revisions"]}

    def replicas(self) -> dict[str, int]:
        """By role, as the workloads have them."""
        live = {r["name"]: r["role"] for r in self.owner["status"]["revisions"]}
        found = {
            c["metadata"]["labels"][names.REVISION_LABEL]: c for k, c in self.children.items() if k.kind == "Deployment"
        }
        return {live[name]: child["spec"]["replicas"] for name, child in found.items() if name in live}


@pytest.fixture
def walk() -> Walk:
    """Four engines serve; a new image was written, and its first engine answers."""
    made = Walk(owner(names.MODEL_DEPLOYMENT, "small", MODEL | {"rollout": ROLLOUT}))
    made.policies = [policy(backends=[{"name": "small", "modelDeploymentRef": {"name": "small"}}])]
    made.run()
    made.ready("Active", 4)
    made.go_on()
    made.edit({"engine": {"image": "other:1"}})
    made.go_on()
    return made


def test_it_starts_with_what_its_first_share_needs(walk: Walk) -> None:
    assert walk.traffic() == {"Active": 100, "Candidate": 0}
    assert walk.replicas() == {"Active": 4, "Candidate": 1}
    assert (walk.rollout["phase"], walk.rollout["step"], walk.rollout["steps"]) == ("Starting", 0, 2)


def test_it_goes_all_the_way(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    assert walk.traffic() == {"Active": 90, "Candidate": 10}
    assert walk.rollout["phase"] == "Holding"
    walk.wait("9m59s")
    walk.go_on()
    assert walk.traffic() == {"Active": 90, "Candidate": 10}
    walk.wait("1s")
    walk.go_on()
    assert (walk.traffic(), walk.replicas()) == ({"Active": 90, "Candidate": 10}, {"Active": 4, "Candidate": 2})
    walk.ready("Candidate", 2)
    walk.go_on()
    assert walk.traffic() == {"Active": 50, "Candidate": 50}
    walk.wait("2h")
    walk.go_on()
    assert (walk.rollout["phase"], walk.traffic()["Candidate"]) == ("Waiting", 50)
    walk.annotate({"tidegate.dev/promote": f"{walk.revision('Candidate')}/50%"})
    walk.go_on()
    assert (walk.rollout["phase"], walk.replicas()) == ("Promoting", {"Active": 4, "Candidate": 4})
    assert walk.traffic() == {"Active": 50, "Candidate": 50}, "until all of its engines answer"
    walk.ready("Candidate", 4)
    walk.go_on()
    assert (walk.rollout["phase"], walk.traffic()) == ("Promoted", {"Active": 100})


def test_it_is_taken_back_and_not_tried_again(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    stable, tried = walk.revision("Active"), walk.revision("Candidate")
    walk.annotate({"tidegate.dev/abort": tried})
    walk.go_on()
    assert (walk.rollout["phase"], walk.traffic(), walk.revision("Active")) == ("RolledBack", {"Active": 100}, stable)
    walk.wait("24h")
    walk.go_on()
    assert walk.traffic() == {"Active": 100}
    walk.annotate({"tidegate.dev/retry": f"{tried}/1"})
    walk.go_on()
    assert (walk.rollout["phase"], walk.revision("Candidate")) == ("Starting", tried)


def test_it_gets_nothing_while_its_engines_do_not_answer(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.ready("Candidate", 0)
    walk.go_on()
    assert (walk.rollout["phase"], walk.traffic()) == ("Starting", {"Active": 100, "Candidate": 0})


def test_another_change_begins_anew(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.edit({"engine": {"image": "other:2"}})
    walk.go_on()
    assert (walk.rollout["phase"], walk.rollout["step"]) == ("Starting", 0)
    assert walk.traffic() == {"Active": 100, "Candidate": 0}, "the one before has left"


def test_the_change_is_taken_back_in_the_spec(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    stable = walk.revision("Active")
    walk.edit({"engine": {"image": None}})
    walk.go_on()
    assert (walk.traffic(), walk.revision("Active")) == ({"Active": 100}, stable)


def test_the_stable_one_is_lost_while_another_is_tried(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    tried = walk.revision("Candidate")
    stable = walk.revision("Active")
    walk.ready("Active", 0)
    walk.go_on()
    assert (walk.revision("Active"), walk.replicas()["Active"]) == (tried, 4), "better than nobody"
    assert walk.rollout["phase"] == "Starting"
    assert walk.says("Ready") == (
        "True",
        "RolloutProgressing",
        f"revision {tried} stands in for the revision before it, of which no engine answers",
    )
    walk.wait("1h")
    walk.go_on()
    assert walk.revision("Retiring") == stable, "it is not thrown away for a revision that has proved nothing"
    walk.ready("Retiring", 1)
    walk.go_on()
    assert (walk.revision("Active"), walk.traffic()) == (stable, {"Active": 90, "Candidate": 10})
    assert walk.rollout["phase"] == "Holding"


def test_the_stable_one_is_lost_and_a_person_promotes_the_other(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    tried = walk.revision("Candidate")
    walk.ready("Active", 0)
    walk.go_on()
    walk.annotate({"tidegate.dev/promote": tried})
    walk.go_on()
    assert walk.rollout["phase"] == "Promoted"
    assert walk.traffic() == {"Active": 100}


def test_the_stable_one_is_lost_while_the_other_leaves(walk: Walk) -> None:
    """What failed its trial is better than nobody, and than nobody else."""
    walk.ready("Candidate", 1)
    walk.go_on()
    tried, stable = walk.revision("Candidate"), walk.revision("Active")
    walk.annotate({"tidegate.dev/abort": tried})
    walk.run()
    walk.ready("Active", 0)
    walk.go_on()
    assert walk.revision("Active") == tried
    walk.wait("1h")
    walk.go_on()
    walk.ready("Retiring", 4)
    walk.go_on()
    assert (walk.revision("Active"), walk.traffic()) == (stable, {"Active": 100})
    assert walk.rollout["phase"] == "RolledBack"


def test_without_a_policy_there_is_nobody_to_share() -> None:
    made = unrouted({"canary": {"steps": STEPS[:1]}})
    assert made.replicas() == {"Active": 4, "Candidate": 4}
    assert "it takes over when all of its engines answer" in made.says("Ready")[2]
    made.ready("Candidate", 4)
    made.run()
    assert made.replicas()["Active"] == 4


def unrouted(rollout: dict[str, Any], **spec: Any) -> Walk:
    """A new revision of a model that no policy names."""
    made = Walk(owner(names.MODEL_DEPLOYMENT, "small", MODEL | {"rollout": rollout} | spec))
    made.run()
    made.ready("Active", 4)
    made.run()
    made.edit({"engine": {"image": "other:1"}})
    made.run()
    return made


OBJECTIVES = [{"name": "errors", "errorRate": {"max": "1%"}}]


@pytest.mark.parametrize("strategy", ["Canary", "RollingUpdate"])
def test_nothing_that_should_have_been_judged_is_promoted_silently(strategy: str) -> None:
    made = unrouted({"strategy": strategy}, objectives=OBJECTIVES)
    stable, tried = made.revision("Active"), made.revision("Candidate")
    made.ready("Candidate", 4)
    made.wait("24h")
    for _ in range(3):
        made.run()
    assert (made.revision("Active"), made.rollout["phase"], made.traffic()["Candidate"]) == (stable, "Waiting", 0)
    assert made.rollout["message"].startswith("no RoutingPolicy leads to this model: nobody can give it a share")
    assert "objectives are not looked at: no RoutingPolicy leads to the model" in made.rollout["plan"]
    made.annotate({"tidegate.dev/promote": f"{tried}/0%"})
    for _ in range(3):
        made.run()
    assert (made.revision("Active"), made.rollout["phase"]) == (tried, "Promoted")


def test_what_a_person_has_to_approve_is_not_promoted_silently() -> None:
    made = unrouted(ROLLOUT)
    made.ready("Candidate", 4)
    made.run()
    made.run()
    assert made.rollout["phase"] == "Waiting"


def test_a_policy_comes_meanwhile() -> None:
    """Its steps begin."""
    made = unrouted(ROLLOUT)
    made.ready("Candidate", 4)
    made.run()
    made.policies = [policy(backends=[{"name": "small", "modelDeploymentRef": {"name": "small"}}])]
    made.go_on()
    assert (made.rollout["phase"], made.traffic()["Candidate"], made.rollout["steps"]) == ("Holding", 10, 2)


@pytest.mark.parametrize("word", ["abort", ""])
def test_the_policy_goes_meanwhile(walk: Walk, word: str) -> None:
    """As when it is deleted and written again: who was taken back stays so, and who is on trial waits."""
    walk.ready("Candidate", 1)
    walk.go_on()
    stable, tried = walk.revision("Active"), walk.revision("Candidate")
    if word:
        walk.annotate({f"tidegate.dev/{word}": tried})
        walk.go_on()
    before, walk.policies = walk.policies, []
    for _ in range(4):
        walk.run()
    assert walk.rollout["phase"] == ("RolledBack" if word else "Weighing")
    assert word or walk.rollout["message"].startswith("no RoutingPolicy leads to this model")
    assert (walk.revision("Active"), walk.replicas().get("Candidate", 1)) == (stable, 1)
    walk.policies = before
    walk.go_on()
    assert walk.rollout["phase"] == ("RolledBack" if word else "Holding")


def test_a_policy_that_names_the_model_and_leads_nobody_to_it(walk: Walk) -> None:
    """Its routers send the new revision nothing, and would for ever."""
    walk.ready("Candidate", 1)
    other = policy("apart", backends=[{"name": "small", "modelDeploymentRef": {"name": "small"}}])
    nobody = {"hash": "y", "live": 1, "behind": 0, "silent": 0, "backends": [], "older": []}
    walk.policies = [*walk.policies, {**other, "status": {"configuration": nobody}}]
    for _ in range(4):
        walk.run()
        apart = walk.policies[1]
        walk.routers_follow()
        walk.policies = [walk.policies[0], apart]
    assert (walk.rollout["phase"], walk.traffic()) == ("Holding", {"Active": 90, "Candidate": 10})


def test_suspended_meanwhile(walk: Walk) -> None:
    """Nobody gets more, however long it takes; it goes on afterwards."""
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.edit({"suspend": True, "replicas": 1})
    walk.wait("24h")
    walk.go_on()
    assert (walk.traffic(), walk.rollout["step"]) == ({"Active": 90, "Candidate": 10}, 0)
    walk.annotate({"tidegate.dev/promote": walk.revision("Candidate")})
    walk.go_on()
    assert (walk.traffic(), walk.rollout["step"]) == ({"Active": 90, "Candidate": 10}, 0)
    walk.edit({"engine": {"image": "other:2"}, "rollout": {"canary": {"steps": [{"traffic": "90%"}]}}})
    walk.go_on()
    assert walk.traffic() == {"Active": 90, "Candidate": 10}
    walk.ready("Candidate", 0)
    walk.go_on()
    assert walk.traffic() == {"Active": 100, "Candidate": 0}, "nobody of it answers"


def test_suspended_after_it_has_ended(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.annotate({"tidegate.dev/promote": walk.revision("Candidate")})
    walk.go_on()
    walk.ready("Candidate", 4)
    walk.go_on()
    before = walk.rollout
    walk.edit({"suspend": True})
    walk.go_on()
    walk.edit({"suspend": False})
    walk.go_on()
    assert walk.rollout == before
    assert (before["phase"], len(before["history"])) == ("Promoted", 1)


@pytest.mark.parametrize("word", ["abort", ""])
def test_scaled_to_zero_meanwhile(walk: Walk, word: str) -> None:
    """No engine is wanted, and all of none answer: nobody takes over for that."""
    walk.ready("Candidate", 1)
    walk.go_on()
    stable = walk.revision("Active")
    if word:
        walk.annotate({f"tidegate.dev/{word}": walk.revision("Candidate")})
        walk.go_on()
    walk.edit({"replicas": 0})
    walk.go_on()
    for role in walk.replicas():
        walk.ready(role, 0)
    walk.go_on()
    walk.edit({"replicas": 4})
    walk.go_on()
    assert walk.revision("Active") == stable
    walk.ready("Active", 4)
    walk.go_on()
    assert (walk.traffic()["Active"], walk.rollout["phase"]) == (100, "RolledBack" if word else "Starting")


def test_back_and_forth_in_the_spec(walk: Walk) -> None:
    """A revision whose trial was cut short begins anew; it had a share for ever, and was never judged."""
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.edit({"engine": {"image": None}})
    walk.go_on()
    assert walk.rollout["phase"] == "Superseded"
    walk.edit({"engine": {"image": "other:1"}})
    walk.go_on()
    assert (walk.rollout["phase"], walk.traffic()["Candidate"]) == ("Starting", 0)
    walk.ready("Candidate", 1)
    walk.go_on()
    assert (walk.rollout["phase"], walk.traffic()["Candidate"]) == ("Holding", 10)
    assert [past["result"] for past in walk.rollout["history"]] == ["Superseded"]


def test_a_promotion_is_for_one_trial(walk: Walk) -> None:
    """The annotation is still there when the same revision is tried again: it does not act twice, until it is written again."""
    walk.ready("Candidate", 1)
    walk.go_on()
    tried = walk.revision("Candidate")
    walk.annotate({"tidegate.dev/promote": f"{tried}/10%"})
    walk.go_on()
    assert walk.rollout["step"] == 1
    walk.annotate({"tidegate.dev/abort": f"{tried}/1", "tidegate.dev/retry": f"{tried}/1"})
    walk.go_on()
    walk.annotate({"tidegate.dev/retry": f"{tried}/2"})
    walk.go_on()
    walk.ready("Candidate", 1)
    walk.go_on()
    assert (walk.rollout["step"], walk.rollout["phase"]) == (0, "Holding")
    walk.annotate({"tidegate.dev/promote": ""})
    walk.go_on()
    walk.annotate({"tidegate.dev/promote": f"{tried}/10%"})
    walk.go_on()
    assert walk.rollout["step"] == 1


def test_more_engines_are_wanted_meanwhile(walk: Walk) -> None:
    """It has its part of the engines that answer, so its time goes on, and the next step comes when it comes."""
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.wait("9m")
    walk.edit({"replicas": 20})
    walk.go_on()
    assert (walk.replicas()["Candidate"], walk.traffic()) == (2, {"Active": 90, "Candidate": 10})
    assert walk.rollout["message"] == "its hold ends at 2026-03-01T12:10:00Z"
    walk.ready("Active", 20)
    walk.go_on()
    assert walk.rollout["phase"] == "Starting", "one of twenty engines is not the part of a tenth"
    walk.ready("Candidate", 2)
    walk.go_on()
    assert (walk.traffic()["Candidate"], walk.rollout["message"]) == (10, "its hold ends at 2026-03-01T12:19:00Z")


def test_an_engine_of_it_goes(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.ready("Candidate", 0)
    walk.go_on()
    assert (walk.rollout["phase"], walk.traffic()["Candidate"]) == ("Starting", 0)


def test_its_time_does_not_run_while_it_is_suspended(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.wait("4m")
    walk.edit({"suspend": True})
    walk.run()
    assert walk.rollout["held"] == 240
    walk.wait("2h")
    walk.run()
    assert walk.rollout["held"] == 240
    walk.edit({"suspend": False})
    walk.go_on()
    assert walk.rollout["message"] == "its hold ends at 2026-03-01T14:10:00Z"
    walk.wait("6m")
    walk.go_on()
    assert walk.rollout["step"] == 1
    assert not walk.rollout["held"]


def test_an_engine_that_went_while_it_was_suspended_begins_the_step_anew(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.wait("4m")
    walk.edit({"suspend": True})
    walk.run()
    walk.ready("Candidate", 0)
    walk.edit({"suspend": False})
    walk.go_on()
    walk.ready("Candidate", 1)
    walk.go_on()
    assert walk.rollout["message"] == "its hold ends at 2026-03-01T12:14:00Z"


def test_a_clock_that_was_ahead(walk: Walk) -> None:
    """Another operator's, whose hold would end in ten years."""
    walk.wait("87600h")
    walk.ready("Candidate", 1)
    walk.go_on()
    assert walk.rollout["message"] == "its hold ends at 2036-02-27T12:10:00Z"
    walk.now -= timedelta(hours=87600)
    walk.go_on()
    assert walk.rollout["message"] == "its hold ends at 2026-03-01T12:10:00Z"


def test_a_long_reason(walk: Walk) -> None:
    """The status takes 512 characters; a longer annotation is heeded all the same."""
    walk.ready("Candidate", 1)
    walk.go_on()
    walk.annotate({"tidegate.dev/abort": f"{walk.revision('Candidate')}/{'x' * 600}"})
    walk.go_on()
    assert (walk.rollout["phase"], len(walk.rollout["abort"])) == ("RolledBack", 512)


def test_a_policy_whose_routers_do_not_start_is_not_waited_for(walk: Walk) -> None:
    walk.other_policy("broken")
    walk.ready("Candidate", 1)
    walk.go_on()
    assert walk.rollout["phase"] == "Holding"


def test_who_is_waited_for_is_named(walk: Walk) -> None:
    walk.other_policy("late", live=1)
    walk.ready("Candidate", 1)
    walk.go_on()
    assert (walk.rollout["phase"], walk.rollout["message"]) == ("Weighing", "routers of late are taking its share")
    walk.policies = []
    walk.run()
    assert walk.rollout["message"].startswith("no RoutingPolicy leads to this model")


def test_no_router_is_ready(walk: Walk) -> None:
    walk.ready("Candidate", 1)
    walk.run()
    walk.policies[0]["status"]["configuration"]["live"] = 0
    walk.run()
    assert walk.rollout["message"] == "no router of chat is ready: nobody asks for the model"


def test_what_people_read(walk: Walk) -> None:
    assert walk.says("Reconciling")[1] == "NewRevisionStarting"
    walk.ready("Candidate", 1)
    walk.go_on()
    tried, stable = walk.revision("Candidate"), walk.revision("Active")
    words = f"revision {tried} gets 10 % of the requests (step 1 of 2): its hold ends at 2026-03-01T12:10:00Z"
    assert walk.says("Ready") == ("True", "RolloutProgressing", words)
    assert walk.says("Reconciling") == ("True", "RolloutProgressing", words)
    walk.edit({"rollout": {"paused": True}})
    walk.go_on()
    assert walk.says("Suspended")[:2] == ("True", "RolloutPaused")
    assert walk.says("Suspended")[2].endswith("paused by spec.rollout.paused")
    walk.annotate({"tidegate.dev/abort": tried})
    walk.go_on()
    status, reason, words = walk.says("Stalled")
    assert (status, reason, walk.says("Ready")[0]) == ("True", "RolledBack", "True")
    assert words == (
        f"revision {tried} was taken back: a person said so; revision {stable} serves. Change the spec, or try it again: "
        f"kubectl annotate --overwrite mdep/small tidegate.dev/retry={tried}/1"
    )
