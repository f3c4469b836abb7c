"""What a pass reads of a model's world, once, and tolerantly: a status of another version of the operator, and children that
somebody has edited, are read as far as they can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tidegate import names
from tidegate.plan.kept import records
from tidegate.plan.kube.reading import integer, maps, text, texts
from tidegate.plan.model.rollout import Departure, Revision, Role
from tidegate.plan.plan import Manifest
from tidegate.plan.world import ModelWorld

WORKLOADS: Final = ("Deployment", "LeaderWorkerSet")
ROLES: Final[dict[str, Role]] = {"Active": "Active", "Candidate": "Candidate", "Retiring": "Retiring"}


@dataclass(frozen=True)
class Told:
    """What routers were told of a revision when its record was still there: from the last status."""

    served_names: list[str]
    adapters: list[str]


@dataclass(frozen=True)
class ModelFacts:
    """The world of a model."""

    recorded: tuple[Revision, ...]
    """The live revisions: those of the last status, and those that are there although it does not name them."""
    told: Mapping[str, Told]
    records: Mapping[str, Manifest]
    """ControllerRevisions, by revision."""
    workloads: Mapping[str, Manifest]
    """Deployments and LeaderWorkerSets, by revision."""
    pods: Mapping[str, tuple[Manifest, ...]]
    """Engine Pods, by revision."""
    claim: Manifest | None
    """The claim for weights, if it is there."""
    views: tuple[RouterView, ...]
    """What the routers of each policy say."""


@dataclass(frozen=True)
class RouterView:
    """What the routers of one policy say about this model."""

    policy: str
    sent_to: Mapping[str, frozenset[str]]
    """Revisions that requests are sent to, by the policy's name for the model; only names that a route gives a share."""
    answering: int
    """Ready routers that said which configuration they run."""
    settled: bool
    """Every ready router runs the newest configuration, and there is one."""

    def departure(self, revision: str, active: str) -> Departure:
        """Whether these routers have left a revision."""
        if not self.sent_to:
            return "left"
        if self.answering and any(revision in sent for sent in self.sent_to.values()):
            return "sending"
        left = self.settled and all(active in sent and revision not in sent for sent in self.sent_to.values())
        return "left" if left else "silent"


def read(world: ModelWorld, now: datetime) -> ModelFacts:
    """Everything, from the world as it is."""
    model = world.owner["metadata"]["name"]
    workloads = {c["metadata"]["name"].removeprefix(f"{model}-"): c for c in world.children if c["kind"] in WORKLOADS}
    written = maps(world.owner.get("status"), "revisions")
    recorded = tuple(revision for entry in written if (revision := _revision(entry)))
    return ModelFacts(
        recorded=recorded + _unrecorded(world, workloads, recorded, now),
        told={text(entry, "name"): _told(entry) for entry in written},
        records=records(world.children),
        workloads=workloads,
        pods=_by_revision(world.pods),
        claim=next((c for c in world.children if c["kind"] == "PersistentVolumeClaim"), None),
        views=tuple(_view(policy, model) for policy in world.policies),
    )


def departures(facts: ModelFacts) -> dict[str, Departure]:
    """Of each Retiring revision, the strongest word of any policy: sending, then silent, then left."""
    active = next((r.name for r in facts.recorded if r.role == "Active"), "")
    found = {r.name: {view.departure(r.name, active) for view in facts.views} for r in facts.recorded}
    strength: tuple[Departure, ...] = ("sending", "silent")
    return {name: next((word for word in strength if word in said), "left") for name, said in found.items()}


def ready_replicas(workload: Manifest | None) -> int:
    """Engines of a workload that answer."""
    return integer((workload or {}).get("status"), "readyReplicas")


def _revision(entry: Manifest) -> Revision | None:
    """An entry of status.revisions; None when it does not even say which revision it is, in which role."""
    role = ROLES.get(text(entry, "role"))
    since = _moment(entry, "since")
    if not role or not since or not text(entry, "name"):
        return None
    return Revision(
        name=text(entry, "name"),
        role=role,
        since=since,
        identity=text(entry, "identity"),
        replicas=integer(entry, "replicas", 1),
        # an operator that did not write this down protected nobody: whoever has a role that traffic gives is protected
        answered=bool(entry.get("answered", role != "Candidate")),
        incomplete_since=_moment(entry, "incompleteSince"),
    )


def _moment(entry: Manifest, field: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text(entry, field))
    except ValueError:
        return None


def _told(entry: Manifest) -> Told:
    return Told(texts(entry, "servedNames"), texts(entry, "adapters"))


def _unrecorded(
    world: ModelWorld, workloads: Mapping[str, Manifest], recorded: tuple[Revision, ...], now: datetime
) -> tuple[Revision, ...]:
    """Revisions that are there although the status does not name them: all of them when it names none, because it was lost, and
    else those whose engines answer, because it is older than they are. The stable Service says which had the traffic."""
    known = {revision.name for revision in recorded}
    selected = "" if any(r.role == "Active" for r in recorded) else _selected(world)
    return tuple(
        Revision(
            name,
            "Active" if name == selected else "Retiring",
            now,
            replicas=integer(workload.get("spec"), "replicas", 1),
            answered=True,
        )
        for name, workload in workloads.items()
        if name not in known
        and (not recorded or ready_replicas(workload))
        and not workload["metadata"].get("deletionTimestamp")
    )


def _selected(world: ModelWorld) -> str:
    """The revision that the stable Service sends to."""
    name = names.model_service(world.owner["metadata"]["name"])
    services = (c for c in world.children if c["kind"] == "Service" and c["metadata"]["name"] == name)
    selector: Mapping[str, Any] = next((c.get("spec", {}).get("selector") or {} for c in services), {})
    return str(selector.get(names.REVISION_LABEL, ""))


def _by_revision(pods: Iterable[Manifest]) -> dict[str, tuple[Manifest, ...]]:
    found: dict[str, tuple[Manifest, ...]] = {}
    for pod in pods:
        revision = text(pod["metadata"].get("labels"), names.REVISION_LABEL)
        found[revision] = (*found.get(revision, ()), pod)
    return found


def _view(policy: Manifest, model: str) -> RouterView:
    spec, configuration = policy.get("spec"), (policy.get("status") or {}).get("configuration")
    shares = [entry for route in maps(spec, "routes") for entry in maps(route.get("to"), "backends")]
    used = {text(entry, "name") for entry in shares if integer(entry, "weight", 1) > 0}
    named = {text(b, "name") for b in maps(spec, "backends") if text(b.get("modelDeploymentRef"), "name") == model}
    sent = {text(entry, "name"): _sent_to(entry) for entry in maps(configuration, "backends")}
    live, behind, silent = (integer(configuration, field) for field in ("live", "behind", "silent"))
    return RouterView(
        policy=policy["metadata"]["name"],
        sent_to={name: sent.get(name, frozenset()) for name in named & used},
        answering=live + behind,
        settled=live > 0 and behind == 0 and silent == 0,
    )


def _sent_to(backend: Manifest) -> frozenset[str]:
    """Revisions of a backend that get requests; an older operator wrote one without a weight."""
    entries = maps(backend, "revisions")
    found = {text(entry, "name") for entry in entries if integer(entry, "weight", 1) > 0}
    return frozenset(found | {text(backend, "revision")}) - {""}
