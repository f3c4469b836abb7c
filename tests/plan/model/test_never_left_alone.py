"""Under any sequence of readiness, edits, lost statuses, interrupted passes and silent routers, and with any strategy, a service that has an
engine that answers is never left without one by an action of ours, unless a person asked for it."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.builders import model, policy
from tests.support.simulation import Simulation, revision_of
from tidegate import names
from tidegate.plan.kube.reading import maps
from tidegate.plan.plan import ObjectKey

URIS = st.sampled_from(["hf://acme/one", "hf://acme/two", "hf://acme/three"])


WHOLE = ("status", "apply", "delete")
THEN = st.sampled_from([WHOLE, WHOLE, WHOLE, WHOLE, ("status", "apply"), ("status",), ()])
"""How far the pass after an event comes: crashes, conflicts and refusals interrupt it."""
STATUSES = st.sampled_from([{}, {"revisions": []}, {"revisions": [{"name": "x"}]}, {"revisions": "?", "new": 1}])
STEPS = {"steps": [{"traffic": "10%", "hold": "30s"}, {"traffic": "50%", "hold": "0s"}]}
ROLLOUTS = st.sampled_from(
    [
        None,
        None,
        {"canary": STEPS},
        {"strategy": "BlueGreen", "blueGreen": {"keepPrevious": "1m"}},
        {"strategy": "RollingUpdate"},
        {"strategy": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
    ]
)
SAYS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))


class Service(RuleBasedStateMachine):
    """A model of up to three engines behind one policy."""

    @initialize(uri=URIS, rollout=ROLLOUTS)
    def begins(self, uri: str, rollout: Any) -> None:
        self.simulation = Simulation(model(source={"uri": uri}, replicas=2, rollout=rollout))
        self.proven: set[ObjectKey] = set()
        self.follow, self.says, self.sent_to, self.cut = True, (2, 0, 0), {"": 100}, False
        self.simulation.run()
        self._routers_report()

    # --- what engines, people, routers and time do; each is followed by a pass, or by a part of one

    @rule(newest=st.booleans(), pick=st.integers(0, 9), count=st.integers(0, 3), then=THEN)
    def engines_answer(self, newest: bool, pick: int, count: int, then: tuple[str, ...]) -> None:
        self._engines_answer(newest, pick, count)
        self.passes(then)

    @rule(pick=st.integers(0, 9), then=THEN)
    def all_engines_answer(self, pick: int, then: tuple[str, ...]) -> None:
        self._engines_answer(True, pick, 3)
        self.passes(then)

    def _engines_answer(self, newest: bool, pick: int, count: int) -> None:
        wanted = f"llama-{revision_of(self.simulation.owner)}"
        workloads = self.workloads()
        if chosen := [key for key in workloads if key.name == wanted and newest] or workloads:
            key = chosen[pick % len(chosen)]
            child = self.simulation.children[key]
            ready = min(count, child["spec"]["replicas"])
            self.simulation.children[key] = {**child, "status": {"replicas": ready, "readyReplicas": ready}}

    @rule(then=THEN)
    def nobody_answers_for_a_moment(self, then: tuple[str, ...]) -> None:
        for key in self.workloads():
            child = self.simulation.children[key]
            self.simulation.children[key] = {**child, "status": {"replicas": 0, "readyReplicas": 0}}
        self.passes(then)

    @rule(uri=URIS, then=THEN)
    def edits(self, uri: str, then: tuple[str, ...]) -> None:
        self.simulation.edit({"model": {"uri": uri}})
        self.passes(then)

    @rule(replicas=st.sampled_from([0, 1, 2, 2, 3]), then=THEN)
    def scales(self, replicas: int, then: tuple[str, ...]) -> None:
        self.simulation.edit({"replicas": replicas})
        self.passes(then)

    @rule(asks=st.sampled_from(["newest", "", ""]), then=THEN)
    def makes_room(self, asks: str, then: tuple[str, ...]) -> None:
        self.simulation.annotate({names.MAKE_ROOM_ANNOTATION: asks})
        self.passes(then)

    @rule(seconds=st.sampled_from([1, 30, 61, 3600]), then=THEN)
    def time_passes(self, seconds: int, then: tuple[str, ...]) -> None:
        self.simulation.wait(f"{seconds}s")
        self.passes(then)

    @rule(uri=URIS, then=THEN)
    def another_revision_answers(self, uri: str, then: tuple[str, ...]) -> None:
        self.simulation.edit({"model": {"uri": uri}})
        self.passes(WHOLE)
        self._engines_answer(True, 0, 3)
        self.passes(then)

    @rule(follow=st.booleans(), says=SAYS, cut=st.booleans(), then=THEN)
    def routers_change(self, follow: bool, says: tuple[int, int, int], cut: bool, then: tuple[str, ...]) -> None:
        """Routers stay with what they run from now on, or follow again; so many run it, run another one, are silent. What the others
        run stands in the policy's status, or is what that has no room for."""
        self.follow, self.says, self.cut = follow, says, cut and says[1] > 0
        self.passes(then)

    def _routers_report(self) -> None:
        given = {
            r["name"]: r["traffic"] for r in maps(self.simulation.owner["status"], "revisions") if r.get("traffic")
        }
        if self.follow:
            self.sent_to = given or {self.active().removeprefix("llama-"): 100}
        said = self.simulation.sending(policy(), "", ["to-llama"])
        sent = [{"name": name, "weight": weight} for name, weight in self.sent_to.items()]
        said["status"]["configuration"]["backends"][0]["revisions"] = sent
        if self.says[1]:  # what those run that are behind is what was there before
            said["status"]["configuration"]["older"] = said["status"]["configuration"]["backends"]
        if self.cut:
            said["status"]["configuration"] |= {"backends": [], "older": [], "more": True}
        said["status"]["configuration"] |= dict(zip(("live", "behind", "silent"), self.says, strict=True))
        self.simulation.policies[:] = [said]

    @rule(then=THEN)
    def the_policy_goes(self, then: tuple[str, ...]) -> None:
        self.simulation.policies.clear()
        self.passes(then)
        self._routers_report()

    @rule(status=STATUSES, then=THEN)
    def the_status_is_lost(self, status: dict[str, Any], then: tuple[str, ...]) -> None:
        self.simulation.owner = {**self.simulation.owner, "status": copy.deepcopy(status)}
        self.passes(then)

    @rule(then=THEN)
    def records_are_deleted(self, then: tuple[str, ...]) -> None:
        for key in [key for key in self.simulation.children if key.kind == "ControllerRevision"]:
            del self.simulation.children[key]
        self.passes(then)

    @rule(then=THEN)
    def is_suspended_for_a_pass(self, then: tuple[str, ...]) -> None:
        self.simulation.edit({"suspend": True})
        self.passes(then)
        self.simulation.edit({"suspend": False})

    # --- what the operator does

    def passes(self, parts: tuple[str, ...]) -> None:
        before, sent_to, there = self.answering(), self.reported(), set(self.workloads())
        self.simulation.carry_out(self.simulation.plan(), *parts)
        self.proven |= before if "status" in parts else set()
        # the status authorises: whom it no longer names goes now or, when this pass is interrupted, in a later one
        let_go = {key for key in self.proven if key.name not in self.recorded()} if "status" in parts else set()
        deleted = there - set(self.workloads())
        self._engines_leave()
        self.proven -= let_go | deleted
        if not self.asked_for():
            self._nobody_is_harmed(before, let_go | (deleted & before), sent_to, whole=parts == WHOLE)
        if self.simulation.policies:
            self._routers_report()

    def _engines_leave(self) -> None:
        """A workload has no more engines than it should."""
        for key in self.workloads():
            child = self.simulation.children[key]
            ready = min(child.get("status", {}).get("readyReplicas", 0), child["spec"]["replicas"])
            self.simulation.children[key] = {**child, "status": {"replicas": ready, "readyReplicas": ready}}

    def _nobody_is_harmed(
        self, before: set[ObjectKey], gone: set[ObjectKey], sent_to: set[str], *, whole: bool
    ) -> None:
        assert not gone or before - gone, "nobody who answers is left, and one who did is gone"
        assert not before or self.answering(), "nobody who answers is left, because engines were taken away"
        assert not {key.name.removeprefix("llama-") for key in gone} & sent_to, "a router still sends to it"
        if before and whole and not self.simulation.owner["spec"].get("suspend"):
            assert self.active() in {key.name for key in before}, "the traffic goes to somebody who is silent"

    def active(self) -> str:
        """The Deployment that gets the traffic."""
        service = self.simulation.children[ObjectKey("v1", "Service", "shop", "llama")]
        return f"llama-{service['spec']['selector'][names.REVISION_LABEL]}"

    def asked_for(self) -> bool:
        """Whether a person accepted that nobody answers."""
        meta, spec = self.simulation.owner["metadata"], self.simulation.owner["spec"]
        room = meta.get("annotations", {}).get(names.MAKE_ROOM_ANNOTATION) == revision_of(self.simulation.owner)
        all_at_once = (spec.get("rollout") or {}).get("rollingUpdate") and spec["replicas"] == 1
        return bool(room or spec["replicas"] == 0 or all_at_once)

    def recorded(self) -> set[str]:
        """Deployments of the revisions that the status names; the others may go."""
        return {f"llama-{r['name']}" for r in maps(self.simulation.owner["status"], "revisions") if "role" in r}

    def workloads(self) -> list[ObjectKey]:
        return sorted((key for key in self.simulation.children if key.kind == "Deployment"), key=str)

    def answering(self) -> set[ObjectKey]:
        children = self.simulation.children
        return {key for key in self.workloads() if children[key].get("status", {}).get("readyReplicas")}

    def reported(self) -> set[str]:
        """Revisions that some router says it sends to, whether there is room for it or not."""
        if self.cut and self.simulation.policies:
            return set(self.sent_to)
        said = [p["status"]["configuration"] for p in self.simulation.policies]
        talking = [c for c in said if c["live"] + c["behind"]]
        return {r["name"] for c in talking for b in c["backends"] for r in b["revisions"]}


TestService = Service.TestCase
TestService.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
