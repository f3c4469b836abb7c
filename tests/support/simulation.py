"""A cluster as far as the planner can tell: what a plan wants is there in the next pass, and what it deletes is gone.

Pods, readiness and everything else that a real cluster does by itself is told to it, with the roles of revisions (Active,
Candidate, Retiring) instead of their hashes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.support.builders import DEFAULTS, NOW, live
from tests.support.fake_api import merge
from tidegate import names
from tidegate.api import ModelDeployment
from tidegate.api.identity import identity
from tidegate.api.values import seconds
from tidegate.cluster.covers import without_content
from tidegate.plan.cache.plan import plan_cache
from tidegate.plan.cache.status import question as store_question
from tidegate.plan.kube.objects import revision_labels, router_labels
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Manifest, ObjectKey, Plan, Question
from tidegate.plan.router.facts import question as router_question
from tidegate.plan.router.plan import plan_router
from tidegate.plan.samples import Complaint, RouterReport, Sample, StoreCheck
from tidegate.plan.world import CacheWorld, Capabilities, Defaults, ModelWorld, RouterWorld

WORKLOADS = ("Deployment", "LeaderWorkerSet", "StatefulSet")


@dataclass
class Simulation:
    """One custom resource and what is around it."""

    owner: dict[str, Any]
    defaults: Defaults = DEFAULTS
    capabilities: Capabilities = field(default_factory=Capabilities)
    children: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    pods: list[dict[str, Any]] = field(default_factory=list)
    policies: list[dict[str, Any]] = field(default_factory=list)
    beside: dict[str, Any] | None = None
    """The policy whose router is to be in a model's Pods."""
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    tiers: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, RouterReport] = field(default_factory=dict)
    """What brains say, by router Pod."""
    silent: dict[str, float] = field(default_factory=dict)
    """For how many seconds a brain has answered nothing, by router Pod."""
    complaints: dict[str, Complaint] = field(default_factory=dict)
    """What Events say, by the name of what they are about."""
    check: StoreCheck | None = None
    now: datetime = NOW

    def plan(self) -> Plan:
        """What the planner says now."""
        kind = self.owner["kind"]
        if kind == names.MODEL_DEPLOYMENT:
            return plan_model(self.model_world(), self.now)
        if kind == names.ROUTING_POLICY:
            return plan_router(self.router_world(), self.now)
        return plan_cache(self.cache_world(), self.now)

    def run(self) -> Plan:
        """Plans, and makes it so."""
        plan = self.plan()
        self.carry_out(plan, "status", "apply", "delete")
        return plan

    def carry_out(self, plan: Plan, *parts: str) -> None:
        """Does these parts of a plan."""
        if "status" in parts:
            self.owner = {**self.owner, "status": copy.deepcopy(dict(plan.status))}
        for manifest in plan.apply if "apply" in parts else ():
            self._make(copy.deepcopy(dict(manifest)))
        for key in plan.delete if "delete" in parts else ():
            del self.children[key]

    def settle(self, passes: int = 5) -> Plan:
        """Runs until the plan no longer changes the status."""
        for _ in range(passes):
            before = self.owner.get("status")
            plan = self.run()
            if before == plan.status:
                return plan
        raise AssertionError("the status does not come to rest")

    def has(self, manifest: Manifest) -> bool:
        """Whether exactly this was made in an earlier pass."""
        known = self.children.get(ObjectKey.of(manifest))
        return known is not None and known == live(without_content(manifest)) | (
            {"status": known["status"]} if "status" in known else {}
        )

    def model_world(self) -> ModelWorld:
        children = self._sorted()
        return ModelWorld(
            self.owner,
            self.defaults,
            self.capabilities,
            children,
            tuple(self.pods),
            policies=tuple(self.policies),
            beside=self.beside,
            samples=self._heard(),
        )

    def router_world(self) -> RouterWorld:
        said = {router_question(pod): pod["metadata"]["name"] for pod in self.pods}
        heard = {q: self._said(name) for q, name in said.items() if name in self.reports or name in self.silent}
        heard |= self._heard()
        around = (self._sorted(), tuple(self.pods), self.models, heard)
        return RouterWorld(self.owner, self.defaults, *around, capabilities=self.capabilities, tiers=self.tiers)

    def _said(self, router: str) -> Sample:
        failing = self.silent.get(router)
        error, seconds_ = ("", 0.0) if failing is None else ("no answer", failing)
        return Sample(self.reports.get(router), seconds_, error, seconds_)

    def cache_world(self) -> CacheWorld:
        samples = {store_question(self.owner): Sample(self.check, 0.0)} if self.check else {}
        heard = samples | self._heard()
        around = (self._sorted(), tuple(self.pods), heard, tuple(self.policies))
        return CacheWorld(self.owner, self.defaults, *around, new_password="random-password")

    def _heard(self) -> dict[Question, Sample]:
        """Events of everything that could be asked about."""
        objects = [*self.pods, *({**c, "apiVersion": "apps/v1", "kind": "StatefulSet"} for c in self.children.values())]
        return {
            Question(ObjectKey.of(manifest), version): Sample(self.complaints[manifest["metadata"]["name"]], 0.0)
            for manifest in objects
            if manifest["metadata"]["name"] in self.complaints
            for version in ("", manifest["metadata"].get("uid", ""))
        }

    # --- what happens in the cluster, or what people do

    def wait(self, duration: str) -> None:
        self.now += timedelta(seconds=seconds(duration))

    def edit(self, patch: dict[str, Any]) -> None:
        """A merge patch of the spec by the user."""
        meta = self.owner["metadata"]
        metadata = {**meta, "generation": meta["generation"] + 1}
        self.owner = {**self.owner, "metadata": metadata, "spec": merge(self.owner["spec"], patch)}

    def annotate(self, annotations: dict[str, str]) -> None:
        """Annotations that a user writes; `newest` is the revision that the spec asks for."""
        newest = revision_of(self.owner)
        written = {key: newest if value == "newest" else value for key, value in annotations.items()}
        meta = self.owner["metadata"]
        self.owner = {**self.owner, "metadata": {**meta, "annotations": {**meta.get("annotations", {}), **written}}}

    def upgrade(self, **changes: Any) -> None:
        """A newer operator."""
        self.defaults = replace(self.defaults, **changes)

    def revision(self, role: str) -> str:
        """The name of the revision with this role."""
        found = [r["name"] for r in self.owner["status"]["revisions"] if r["role"] == role]
        assert len(found) == 1, f"{role}: {self.owner['status']['revisions']}"
        return str(found[0])

    def ready(self, role: str, count: int) -> None:
        """So many engines of a revision answer."""
        self.workload_status(role, replicas=count, readyReplicas=count)

    def workload_status(self, role: str, **status: Any) -> None:
        """Sets fields of the status of a revision's workload."""
        name = names.revision_name(self.owner["metadata"]["name"], self.revision(role))
        key = next(key for key in self.children if key.kind in WORKLOADS and key.name == name)
        child = self.children[key]
        self.children[key] = {**child, "status": child.get("status", {}) | status}

    def deadline(self, role: str) -> None:
        """Kubernetes gives up waiting for a revision's Pods."""
        stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        self.workload_status(role, conditions=[stuck])

    def engine_pod(self, role: str, status: dict[str, Any], name: str = "engine-0") -> None:
        """An engine Pod of a revision that is not ready, with these fields of its status."""
        owner = self.owner["metadata"]["name"]
        self._pod(f"{owner}-{name}", revision_labels(owner, self.revision(role)), status)

    def router_pod(self, name: str, status: dict[str, Any] | None = None) -> None:
        """A router Pod; ready if no status is given."""
        self._pod(name, router_labels(self.owner["metadata"]["name"]), status or _READY)

    def confirm(self, policy: dict[str, Any]) -> dict[str, Any]:
        """A policy whose routers all run the Active revision of this model."""
        active = self.revision("Active")
        routed = {b["name"] for route in policy["spec"]["routes"] for b in route["to"]["backends"]}
        return self.sending(policy, active, sorted(routed))

    def sending(self, policy: dict[str, Any], revision: str, backends: list[str]) -> dict[str, Any]:
        """A policy whose routers all run a configuration that sends to this revision."""
        sent = [{"name": revision, "weight": 100}]
        said = {"hash": "x", "live": 1, "backends": [{"name": name, "revisions": sent} for name in backends]}
        return {**policy, "status": {"configuration": said}}

    def _pod(self, name: str, labels: dict[str, str], status: dict[str, Any]) -> None:
        namespace = self.owner["metadata"]["namespace"]
        metadata = {"name": name, "namespace": namespace, "labels": labels, "uid": f"uid-of-{name}"}
        self.pods.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})

    def _make(self, manifest: dict[str, Any]) -> None:
        key = ObjectKey.of(manifest)
        known = self.children.get(key)
        made = live(without_content(manifest))
        self.children[key] = made | ({"status": known["status"]} if known and "status" in known else {})

    def _sorted(self) -> tuple[Manifest, ...]:
        return tuple(self.children[key] for key in sorted(self.children, key=str))


def revision_of(owner: Manifest) -> str:
    """The revision of a new object with this spec."""
    return identity(ModelDeployment.model_validate({**owner, "status": None}))


_READY = {"conditions": [{"type": "Ready", "status": "True"}]}
