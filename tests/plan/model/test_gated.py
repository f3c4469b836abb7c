"""A revision on trial before its objectives: the plan, look by look, with a Prometheus that has seen the traffic that the plan made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.model.test_trial import MODEL, Walk
from tests.support.builders import owner, policy
from tests.support.prometheus import ROUTER, Scraped
from tidegate import names
from tidegate.plan.plan import Question
from tidegate.plan.samples import Reply, Sample
from tidegate.plan.world import ModelWorld

OBJECTIVES = [
    {"name": "errors", "errorRate": {"max": "1%"}},
    {"name": "ttft", "timeToFirstToken": {"percentile": "95", "max": "500ms"}},
]
ROLLOUT: dict[str, Any] = {
    "canary": {"steps": [{"traffic": "10%", "hold": "5m"}, {"traffic": "50%", "hold": "5m"}], "warmUp": "1m"}
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": ROUTER},
    "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-01T10:00:00Z"}]},
}


@dataclass
class Judged(Walk):
    """A model on trial, whose engines answer when they should."""

    prometheus: Scraped = field(default_factory=Scraped)
    heard: dict[Question, Sample] = field(default_factory=dict)
    scrape: float | None = 5.0
    router: dict[str, Any] = field(default_factory=lambda: POD)

    def model_world(self) -> ModelWorld:
        found = super().model_world()
        return replace(found, routers=(self.router,), scrape=self.scrape, samples={**found.samples, **self.heard})

    def forget(self) -> None:
        """The operator is killed: another one knows what the status says, and no more."""
        self.heard = {}

    def look(self) -> None:
        """A pass, what it asks is answered, and a pass that reads it."""
        self.prometheus.flow(self.now, self._shares())
        plan = self.run()
        self.heard = {q: Sample(self.prometheus.answer(q.query, self.now), 0.0) for q in plan.ask if q.query}
        self.go_on()
        for role, wanted in self.replicas().items():
            if role != "Retiring":
                self.ready(role, wanted)
        self.go_on()

    def goes_on(self, minutes: float, kill_at: int = -1) -> list[tuple[int, str]]:
        """Looks every 30 s; each step and phase that was seen."""
        seen: list[tuple[int, str]] = []
        for i in range(round(minutes * 2)):
            self.look()
            if i == kill_at:
                self.forget()
            at = (self.rollout["step"], self.rollout["phase"])
            seen += [at] if [at] != seen[-1:] else []
            self.now += timedelta(seconds=30)
        return seen

    def _shares(self) -> dict[str, int]:
        return {r["name"]: r["traffic"] for r in self.owner["status"]["revisions"]}

    def gate(self, name: str) -> dict[str, Any]:
        return next(dict(gate) for gate in self.rollout["gates"] if gate["name"] == name)


def judged(objectives: list[dict[str, Any]] | None = None, **rollout: Any) -> Judged:
    """Four engines serve; a new image was written."""
    spec = MODEL | {"objectives": OBJECTIVES if objectives is None else objectives, "rollout": ROLLOUT | rollout}
    made = Judged(owner(names.MODEL_DEPLOYMENT, "small", spec))
    made.policies = [policy(backends=[{"name": "small", "modelDeploymentRef": {"name": "small"}}])]
    made.run()
    made.ready("Active", 4)
    made.go_on()
    made.edit({"engine": {"image": "other:1"}})
    made.go_on()
    return made


def tried(made: Judged) -> str:
    return str(made.rollout["revision"])


def test_a_good_one_walks_to_the_end() -> None:
    made = judged()
    seen = made.goes_on(20)
    assert [at for at in seen if at[1] in ("Holding", "Promoted")] == [(0, "Holding"), (1, "Holding"), (2, "Promoted")]
    assert made.revision("Active") == tried(made)
    assert [window["traffic"] for window in made.rollout["windows"]] == [10, 50]


def test_a_bad_one_is_taken_back_at_its_first_share() -> None:
    made = judged()
    stable = made.revision("Active")
    made.prometheus.bad[tried(made)] = 0.3
    seen = made.goes_on(6)
    assert seen[-1] == (0, "RolledBack")
    assert made.rollout["message"].startswith("errors failed: errors: ")
    assert (made.traffic()["Active"], made.revision("Active")) == (100, stable)
    assert made.says("Stalled")[:2] == ("True", "RolledBack")


def test_one_that_turns_bad_while_the_engines_of_the_next_step_start() -> None:
    """It has traffic, so it is judged."""
    made = judged()
    made.goes_on(5)
    assert made.rollout["step"] == 0
    made.prometheus.flow(made.now, made._shares())
    made.heard = {q: Sample(made.prometheus.answer(q.query, made.now), 0.0) for q in made.run().ask if q.query}
    made.go_on()
    assert made.rollout["step"] == 1
    made.ready("Candidate", 1)
    made.go_on()
    assert (made.rollout["phase"], made.traffic()["Candidate"]) == ("Starting", 10)
    made.prometheus.bad[tried(made)] = 0.5
    for _ in range(12):
        made.prometheus.flow(made.now, made._shares())
        made.heard = {q: Sample(made.prometheus.answer(q.query, made.now), 0.0) for q in made.run().ask if q.query}
        made.ready("Candidate", 1)
        made.go_on()
        if made.rollout["phase"] == "RolledBack":
            break
        made.now += timedelta(seconds=30)
    assert made.rollout["phase"] == "RolledBack"


def test_on_failure_pause() -> None:
    made = judged(gates={"onFailure": "Pause"})
    made.prometheus.bad[tried(made)] = 0.3
    made.goes_on(6)
    assert (made.rollout["phase"], made.rollout["pause"], made.traffic()["Candidate"]) == ("Paused", "GateFailed", 10)
    assert made.says("Suspended")[1] == "RolloutPaused"
    assert made.says("Stalled")[0] == "False"


def test_no_traffic_holds_and_pauses_at_the_deadline() -> None:
    made = judged(progressDeadline="10m")
    made.prometheus.rate = 0.0
    assert made.goes_on(8)[-1] == (0, "Waiting")
    assert made.rollout["message"] == "errors inconclusive: 0 of 100 requests; ttft inconclusive: 0 of 100 requests"
    assert made.goes_on(10)[-1] == (0, "Paused")
    assert made.rollout["pause"] == "ProgressDeadlineExceeded"
    made.prometheus.rate = 50.0
    assert made.goes_on(20)[-1] == (2, "Promoted"), "it goes on by itself when there are requests"


def test_prometheus_gone() -> None:
    made = judged(gates={"noDataLimit": 3})
    made.prometheus.fault = "unreachable"
    assert made.goes_on(1.5)[-1] == (0, "Holding")
    made.goes_on(3)
    assert (made.rollout["phase"], made.rollout["pause"]) == ("Paused", "GateUnanswered")
    assert made.says("Stalled")[:2] == ("True", "GateUnanswered")
    assert made.says("Ready")[0] == "True"
    made.prometheus.fault = ""
    assert made.goes_on(20)[-1] == (2, "Promoted")


def test_without_a_prometheus_it_says_so_at_once() -> None:
    made = judged()
    made.scrape = None
    made.goes_on(1)
    assert made.says("Stalled")[1:] == (
        "GateUnanswered",
        f"revision {tried(made)} gets 10 % of the requests (step 1 of 2): errors error: the operator knows no Prometheus; set "
        "prometheus.url of its chart; ttft error: the operator knows no Prometheus; set prometheus.url of its chart",
    )
    made.annotate({"tidegate.dev/promote": tried(made)})
    assert made.goes_on(2)[-1] == (2, "Promoted"), "a person takes the place of what cannot be asked"


def test_a_query_of_ones_own() -> None:
    made = judged([{"name": "votes", "query": {"min": "0.9", "promQL": "x"}}], gates={"failureLimit": 2})
    made.goes_on(1.5)
    assert made.gate("votes")["message"] == "1 (at least 0.9)"
    made.prometheus.number = 0.5
    made.goes_on(1)
    assert (made.gate("votes")["outcome"], made.gate("votes")["failures"]) == ("inconclusive", 2)
    made.prometheus.number = 1.0
    made.goes_on(1)
    made.prometheus.number = 0.5
    assert made.goes_on(1)[-1] == (0, "RolledBack")
    assert made.rollout["message"] == "votes failed: 0.5 is under 0.9: failure 3, 2 are tolerated"


def test_other_objectives_begin_anew() -> None:
    """What was counted for others says nothing about these."""
    made = judged()
    made.goes_on(3)
    before = made.rollout["windows"][0]["begin"]
    made.edit({"objectives": [{"name": "errors", "errorRate": {"max": "2%"}}]})
    made.goes_on(1)
    assert made.rollout["windows"][0]["begin"] > before
    assert [gate["name"] for gate in made.rollout["gates"]] == ["errors"]


def test_steps_that_are_edited_meanwhile_set_nothing_free() -> None:
    made = judged()
    made.goes_on(9)
    assert (made.rollout["step"], made.rollout["share"]) == (1, 50)
    made.edit({"rollout": {"canary": {"steps": [{"traffic": "20%", "hold": "5m"}]}}})
    made.goes_on(1)
    assert (made.rollout["step"], made.traffic()["Candidate"]) == (0, 20)
    made.edit({"rollout": {"canary": {"steps": [{"traffic": "5%"}, {"traffic": "20%"}, {"traffic": "50%"}]}}})
    made.goes_on(1)
    assert (made.rollout["step"], made.traffic()["Candidate"]) == (1, 20)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 39), max_size=4), st.sampled_from([0.0, 0.3]))
def test_killed_at_any_look(kills: list[int], bad: float) -> None:
    """The same steps in the same order, and the same end: no gate is skipped, no step begins twice."""
    made = judged()
    made.prometheus.bad[tried(made)] = bad
    entered: dict[int, str] = {}
    for i in range(40):
        made.look()
        if i in kills:
            made.forget()
        assert entered.setdefault(made.rollout["step"], made.rollout["entered"]) == made.rollout["entered"]
        made.now += timedelta(seconds=30)
    assert made.rollout["phase"] == ("RolledBack" if bad else "Promoted")
    assert list(entered) == ([0] if bad else [0, 1, 2])


@pytest.mark.parametrize(
    "junk",
    [
        {"windows": "x", "gates": 3},
        {"windows": [{}, 7], "gates": [{}, {"name": "errors"}]},
        {"step": 99, "share": 99},
        {"share": "x"},
    ],
)
def test_junk_in_the_status_sets_nothing_free(junk: dict[str, Any]) -> None:
    made = judged()
    made.goes_on(3)
    status = made.owner["status"]
    made.owner = {**made.owner, "status": {**status, "rollout": {**status["rollout"], **junk}}}
    made.goes_on(1)
    assert made.rollout["phase"] != "Promoted"
    assert made.traffic()["Candidate"] <= 50


SMOKE = {"keepPrevious": "10m", "smokeTests": [{"name": "answers", "request": {}}]}


def answering(made: Judged, reply: Reply) -> None:
    """The candidate's engine is ready, and answers so when it is asked."""
    made.pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "e", "uid": "u", "labels": {names.REVISION_LABEL: tried(made)}},
            "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        }
    ]
    asked = [question for question in made.run().ask if question.smoke]
    made.heard |= {question: Sample(replace(reply, at=made.now.timestamp()), 0.0) for question in asked}


def switching(**blue_green: Any) -> Judged:
    """A new revision with all of its engines, and no requests."""
    made = judged(strategy="BlueGreen", canary=None, blueGreen=SMOKE | blue_green)
    made.ready("Candidate", 4)
    made.go_on()
    assert (made.replicas(), made.traffic()["Candidate"]) == ({"Active": 4, "Candidate": 4}, 0)
    return made


def test_blue_green() -> None:
    made = switching()
    stable = made.revision("Active")
    assert (made.rollout["phase"], made.rollout["message"]) == (
        "Waiting",
        "answers inconclusive: no engine of it is ready",
    )
    answering(made, Reply(200, "{}"))
    made.go_on()
    assert made.traffic() == {"Active": 0, "Candidate": 100}
    assert made.revision("Active") == stable, "the way back"
    seen = made.goes_on(12)
    assert [at for at in seen if at[1] in ("Holding", "Promoted")] == [(1, "Holding"), (2, "Promoted")]
    assert made.revision("Active") == tried(made)
    assert [past["result"] for past in made.rollout["history"]] == ["Promoted"]


def test_blue_green_is_judged_after_the_switch() -> None:
    """There is nobody to compare with: its limits alone count."""
    made = switching()
    stable = made.revision("Active")
    made.prometheus.bad[tried(made)] = 0.1
    answering(made, Reply(200, "{}"))
    made.go_on()
    made.goes_on(5)
    assert (made.rollout["phase"], made.traffic()["Active"], made.revision("Active")) == ("RolledBack", 100, stable)
    assert "that it is over the limit of 1 %" in made.rollout["message"]
    assert "stable" not in made.rollout["message"]


def test_another_strategy_while_the_old_one_is_kept() -> None:
    """A rolling update keeps nobody: the way back ends, but not before the objectives have passed under it."""
    made = switching()
    answering(made, Reply(200, "{}"))
    made.go_on()
    made.goes_on(2)
    assert made.rollout["phase"] == "Holding"
    made.edit({"rollout": {"strategy": "RollingUpdate", "blueGreen": None}})
    made.forget()
    made.go_on()
    assert (made.rollout["phase"], made.traffic()) == ("Waiting", {"Active": 0, "Candidate": 100})
    made.goes_on(5)
    assert made.rollout["phase"] == "Promoted"


def test_another_strategy_for_one_that_is_bad() -> None:
    made = switching()
    answering(made, Reply(200, "{}"))
    made.go_on()
    made.edit({"rollout": {"strategy": "RollingUpdate", "blueGreen": None}})
    made.prometheus.bad[tried(made)] = 0.5
    made.goes_on(6)
    assert made.rollout["phase"] == "RolledBack"


def test_a_smoke_test_fails() -> None:
    made = switching()
    answering(made, Reply(500, "boom"))
    made.go_on()
    assert (made.rollout["phase"], made.traffic()["Active"]) == ("RolledBack", 100)
    assert made.rollout["message"] == "answers failed: status 500 instead of 200: boom"


def test_the_way_back_in_the_spec() -> None:
    made = switching()
    answering(made, Reply(200, "{}"))
    made.go_on()
    made.edit({"engine": {"image": None}})
    made.go_on()
    assert made.traffic()["Active"] == 100
    assert (made.rollout["phase"], made.rollout["history"][0]["result"]) == ("Superseded", "Superseded")


def test_approval_before_the_switch() -> None:
    made = switching(approval="Manual", smokeTests=[])
    assert (made.rollout["phase"], made.rollout["message"]) == ("Waiting", "waits until a person promotes it")
    made.annotate({"tidegate.dev/promote": f"{tried(made)}/0%"})
    made.go_on()
    assert made.traffic()["Candidate"] == 100
    assert made.rollout["phase"] == "Holding", "a step's promotion is for that step alone"


def test_other_smoke_tests_are_asked_anew() -> None:
    """One of the same name that asks something else has not been passed."""
    made = switching(approval="Manual")
    answering(made, Reply(200, "{}"))
    made.go_on()
    assert made.gate("answers")["outcome"] == "passed"
    made.edit({"rollout": {"blueGreen": {"smokeTests": [{"name": "answers", "path": "/other", "request": {}}]}}})
    made.go_on()
    assert made.gate("answers")["outcome"] == "inconclusive"


def test_more_engines_are_wanted_after_the_switch() -> None:
    """Nobody is sent back for them."""
    made = switching()
    answering(made, Reply(200, "{}"))
    made.go_on()
    assert made.traffic() == {"Active": 0, "Candidate": 100}
    made.edit({"replicas": 5})
    made.go_on()
    assert (made.traffic(), made.rollout["phase"]) == ({"Active": 0, "Candidate": 100}, "Holding")


def test_the_old_one_is_lost_after_the_switch() -> None:
    """It had no requests; when it is there again, the way back is too."""
    made = switching()
    stable = made.revision("Active")
    answering(made, Reply(200, "{}"))
    made.go_on()
    made.ready("Active", 0)
    made.go_on()
    assert (made.traffic(), made.revision("Retiring")) == ({"Active": 100, "Retiring": 0}, stable)
    made.ready("Retiring", 4)
    made.run()
    assert (made.traffic(), made.revision("Active")) == ({"Active": 0, "Candidate": 100}, stable)


def test_a_router_that_leaves_need_not_count() -> None:
    """Its last streams take as long as they take, and are counted."""
    made = judged()
    made.goes_on(2)
    made.router = {**POD, "metadata": {**POD["metadata"], "deletionTimestamp": "2026-03-01T12:02:00Z"}}
    made.goes_on(2)
    assert [gate["outcome"] for gate in made.rollout["gates"]] == ["passed", "passed"]


def test_blue_green_without_a_policy() -> None:
    """Its smoke tests come first all the same; then the Service leads to it."""
    made = switching()
    made.policies = []
    made.run()
    assert made.rollout["phase"] == "Waiting"
    answering(made, Reply(200, "{}"))
    for _ in range(4):
        made.run()
    assert (made.rollout["phase"], made.revision("Active")) == ("Promoted", tried(made))


def test_the_last_ten() -> None:
    made = judged()
    for number in range(12):
        made.annotate({"tidegate.dev/abort": f"{tried(made)}/{number}"})
        made.go_on()
        made.annotate({"tidegate.dev/retry": f"{tried(made)}/{number}"})
        made.go_on()
    made.edit({"engine": {"image": "other:2"}})
    made.go_on()
    assert [past["result"] for past in made.rollout["history"]] == ["Superseded", *["RolledBack"] * 9]
