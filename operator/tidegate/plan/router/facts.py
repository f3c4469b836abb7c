"""What a pass reads of a policy's world: its routers, and which configuration each of them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate import names
from tidegate.contract.router_config import READS
from tidegate.plan.kept import records
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import integer, maps, text
from tidegate.plan.plan import Manifest, ObjectKey, Question
from tidegate.plan.samples import RouterReport, Sample
from tidegate.plan.world import RouterWorld

SILENT_AFTER = 10.0
"""Seconds for which a router that no longer answers is taken at its last word."""
WHOLE = 100


@dataclass(frozen=True)
class RouterFacts:
    """The world of a policy."""

    routers: tuple[Manifest, ...]
    """Router Pods that are not on their way out."""
    ready: tuple[Manifest, ...]
    reports: Mapping[str, RouterReport]
    """What ready routers say, by Pod; silent ones are left out."""
    records: Mapping[str, Manifest]
    """ControllerRevisions, by revision."""
    deployment: Manifest
    """The routers' Deployment; empty before it is made."""
    written: str
    """The document that the routers are told at present; empty before the first."""
    reads: int
    """The newest documents that every router reads: as they say, or as they last said."""
    sent_to: Mapping[str, Mapping[str, int]]
    """From the last status: weights of revisions, by backend."""

    def running(self, config: str) -> int:
        """Ready routers that run this configuration."""
        return sum(report.config == config for report in self.reports.values())

    def confirmed(self, config: str) -> bool:
        """Whether every ready router runs this configuration, and there is one."""
        return bool(self.ready) and self.running(config) == len(self.ready)


def question(pod: Manifest) -> Question:
    """Asks a router's brain."""
    return Question(ObjectKey.of(pod), pod.get("status", {}).get("podIP", ""))


def read(world: RouterWorld) -> RouterFacts:
    """Everything, from the world as it is."""
    answering = tuple(pod for pod in world.pods if ready(pod))
    said = {pod["metadata"]["name"]: world.samples.get(question(pod)) for pod in answering}
    deployment = next((c for c in world.children if c["kind"] == "Deployment"), {})
    reports = {name: report for name, sample in said.items() if (report := _heard(sample))}
    configuration = (world.owner.get("status") or {}).get("configuration")
    config_map = next((c for c in world.children if c["kind"] == "ConfigMap"), {})
    return RouterFacts(
        routers=tuple(pod for pod in world.pods if not pod["metadata"].get("deletionTimestamp")),
        ready=answering,
        reports=reports,
        written=text(config_map.get("data"), names.ROUTER_CONFIG_KEY),
        reads=min((report.reads for report in reports.values()), default=integer(configuration, "reads", READS)),
        records=records(world.children),
        deployment=deployment,
        sent_to=_sent_to(world.owner),
    )


def _heard(sample: Sample | None) -> RouterReport | None:
    """A router's last word, unless it has been silent for long."""
    if sample is None or not isinstance(sample.value, RouterReport):
        return None
    return None if sample.error and sample.age > SILENT_AFTER else sample.value


def _sent_to(owner: Manifest) -> dict[str, dict[str, int]]:
    """Where requests were sent, as the last status says; an older operator wrote one revision without a weight."""
    configuration = (owner.get("status") or {}).get("configuration")
    found: dict[str, dict[str, int]] = {}
    for backend in maps(configuration, "backends"):
        weights = {text(r, "name"): integer(r, "weight", WHOLE) for r in maps(backend, "revisions")}
        old = text(backend, "revision")
        found[text(backend, "name")] = weights or ({old: WHOLE} if old else {})
    return found
