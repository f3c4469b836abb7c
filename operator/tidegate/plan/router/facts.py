"""What a pass reads of a policy's world: its routers, and which configuration each of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tidegate import names
from tidegate.contract.router_config import READS
from tidegate.plan.containers import is_beside
from tidegate.plan.kept import records
from tidegate.plan.kube.objects import beside_labels, router_labels
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import integer, part, text
from tidegate.plan.plan import Manifest, ObjectKey, Question
from tidegate.plan.samples import RouterReport, Sample
from tidegate.plan.world import RouterWorld

SILENT_AFTER = 10.0
"""Seconds for which a router that no longer answers is taken at its last word."""


@dataclass(frozen=True)
class RouterFacts:
    """The world of a policy."""

    routers: tuple[Manifest, ...]
    """Router Pods that are not on their way out; with placement Sidecar, engines' Pods with a router."""
    ready: tuple[Manifest, ...]
    unasked: bool
    """Whether some ready router was not asked yet: this operator has just begun, or the router has."""
    next_silence: float | None
    """Seconds until a router that does not answer counts as silent."""
    reports: Mapping[str, RouterReport]
    """What ready routers say, by Pod; silent ones are left out."""
    records: Mapping[str, Manifest]
    """ControllerRevisions, by revision."""
    deployment: Manifest
    """The routers' Deployment; empty before it is made."""
    reachable: bool
    """Whether the Service in front of them selects them, and nothing else."""
    written: str
    """The document that the routers are told at present; empty before the first."""
    reads: int
    """The newest documents that every router reads: as they say, or as they last said."""
    last: Manifest
    """The configuration block of the last status."""

    def running(self, config: str) -> int:
        """Ready routers that run this configuration."""
        return sum(report.config == config for report in self.reports.values())

    def confirmed(self, config: str) -> bool:
        """Whether every ready router runs this configuration, and there is one."""
        return bool(self.ready) and self.running(config) == len(self.ready)


def question(pod: Manifest) -> Question:
    """Asks a router's brain."""
    return Question(ObjectKey.of(pod), pod["metadata"].get("uid", ""), pod.get("status", {}).get("podIP", ""))


def read(world: RouterWorld) -> RouterFacts:
    """Everything, from the world as it is."""
    role = names.ROLE_ENGINE if is_beside(world.owner) else names.ROLE_ROUTER
    pods = tuple(pod for pod in world.pods if text(pod["metadata"].get("labels"), names.ROLE_LABEL) == role)
    answering = tuple(pod for pod in pods if ready(pod))
    said = {pod["metadata"]["name"]: world.samples.get(question(pod)) for pod in answering}
    deployment = next((c for c in world.children if c["kind"] == "Deployment"), {})
    reports = {name: report for name, sample in said.items() if (report := _heard(sample))}
    configuration = (world.owner.get("status") or {}).get("configuration")
    config_map = next((c for c in world.children if c["kind"] == "ConfigMap"), {})
    return RouterFacts(
        routers=tuple(pod for pod in pods if not pod["metadata"].get("deletionTimestamp")),
        ready=answering,
        unasked=any(sample is None for sample in said.values()),
        next_silence=_next_silence(sample for sample in said.values() if sample),
        reports=reports,
        written=text(config_map.get("data"), names.ROUTER_CONFIG_KEY),
        reads=min((report.reads for report in reports.values()), default=integer(configuration, "reads", READS)),
        records=records(world.children),
        deployment=deployment,
        reachable=any(_selects(world, child) for child in world.children if child["kind"] == "Service"),
        last=configuration if isinstance(configuration, Mapping) else {},
    )


def _selects(world: RouterWorld, service: Manifest) -> bool:
    name, selector = world.owner["metadata"]["name"], part(service.get("spec"), "selector")
    if is_beside(world.owner):
        return {k: v for k, v in selector.items() if k != names.REVISION_LABEL} == beside_labels(name)
    return selector == router_labels(name)


def _heard(sample: Sample | None) -> RouterReport | None:
    """A router's last word, unless it has been silent for long."""
    if sample is None or not isinstance(sample.value, RouterReport):
        return None
    return None if sample.failing >= SILENT_AFTER else sample.value


def _next_silence(samples: Iterable[Sample]) -> float | None:
    left = [SILENT_AFTER - s.failing for s in samples if s.error and s.failing < SILENT_AFTER]
    return min(left) if left else None
