"""What a pass reads of a model's world, once, and tolerantly: a status of another version of the operator, and children that
somebody has edited, are read as far as they can be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any, Final

from tidegate import names
from tidegate.plan.kept import records
from tidegate.plan.kube.objects import controlled_by
from tidegate.plan.kube.pods import ready, ready_since
from tidegate.plan.kube.reading import integer, maps, moment, part, text, texts, truth
from tidegate.plan.model.judging.history import RESULTS, Past
from tidegate.plan.model.judging.notes import Note
from tidegate.plan.model.judging.windows import Window
from tidegate.plan.model.rollout import Departure, Revision, Role
from tidegate.plan.model.stages import BEHIND, PAUSES, PHASES, Trial
from tidegate.plan.plan import Manifest
from tidegate.plan.world import ModelWorld

WORKLOADS: Final = ("Deployment", "LeaderWorkerSet")
AHEAD: Final = 5.0
"""Seconds by which clocks of two operators may differ."""
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
    reachable: frozenset[str]
    """Revisions of which the headless Service is there, and this object's."""
    claim: Manifest | None
    """The claim for weights, if it is there."""
    views: tuple[RouterView, ...]
    """What the routers of each policy that names the model say."""
    beyond: tuple[RouterView, ...]
    """The same of policies that do not name it, and of which routers may send to it nevertheless."""
    trial: Trial | None
    """How far the newest revision's trial was at the end of the last pass."""
    trial_share: int
    """Percent that the step asks for at which it was; BEHIND when all of them were behind it."""
    trial_given: int
    """Percent of the requests that it got."""
    routers: Mapping[str, float]
    """Router Pods of every policy that names the model, and since when they answer and send to it, in Unix time; infinite of one that
    does not: it need not count."""


@dataclass(frozen=True)
class RouterView:
    """What the routers of one policy say about this model, from the policy's status.

    the revision is in             routers that run it     then
    ----------------------------   ---------------------   -------
    (nothing is known yet)         any                     silent
    neither configuration          any                     left
    the newest configuration       some                    sending
    older ones                     some                    sending
    one of them                    none says               silent
    neither, and older ones were   some run another one    sending
      left out                     none does               silent
    """

    policy: str
    known: bool
    """Whether the policy's status says anything of what its routers run."""
    newest: frozenset[str]
    """Revisions that the newest configuration sends to."""
    older: frozenset[str]
    """Revisions that other configurations sent to, which routers may still run."""
    live: int
    """Ready routers that run the newest configuration."""
    behind: int
    """Ready routers that run another one."""
    silent: int
    """Ready routers that do not say what they run."""
    weights: Mapping[str, frozenset[int]]
    """Percent that the newest configuration sends to each revision, by each backend that stands for this model."""
    more: bool = False
    """Whether older configurations sent to more than the status has room for."""

    def sent(self, revision: str) -> int | None:
        """Percent of the model's requests that every router sends to a revision; None while they differ or do not say."""
        shares = self.weights.get(revision, frozenset({0}))
        all_run_it = self.live > 0 and not self.behind and not self.silent
        return next(iter(shares)) if all_run_it and len(shares) == 1 else None

    @property
    def apart(self) -> bool:
        """Whether it has nothing to do with the model: no route leads to a backend that stands for it."""
        return self.known and not self.weights and not self.newest | self.older

    def departure(self, revision: str) -> Departure:
        """The table above."""
        named = revision in self.newest | self.older
        if self.known and not named and not self.more:
            return "left"
        older = revision in self.older or (self.more and not named)
        sending = (revision in self.newest and self.live) or (older and self.behind)
        return "sending" if sending else "silent"


def read(world: ModelWorld, now: datetime) -> ModelFacts:
    """Everything, from the world as it is."""
    model = world.owner["metadata"]["name"]
    views = tuple(_view(policy, model) for policy in world.policies)
    written = maps(world.owner.get("status"), "revisions")
    workloads = _workloads(world, {text(entry, "name") for entry in written})
    recorded = tuple(revision for entry in written if (revision := _revision(entry, workloads, now)))
    return ModelFacts(
        recorded=recorded + _unrecorded(world, workloads, recorded, now),
        told={text(entry, "name"): _told(entry) for entry in written},
        records=records(world.children),
        workloads=workloads,
        pods=_by_revision(world.pods),
        reachable=_reachable(world, workloads),
        claim=next((c for c in world.children if c["kind"] == "PersistentVolumeClaim"), None),
        views=views,
        beyond=tuple(_view(policy, model) for policy in world.beyond),
        trial=_trial(world.owner, now),
        trial_share=_trial_share(world.owner),
        trial_given=integer(_rollout(world.owner), "traffic"),
        routers=_routers(world.routers, {view.policy for view in views if view.apart}, now),
    )


def _rollout(owner: Manifest) -> Manifest:
    return part(owner.get("status"), "rollout")


def _trial(owner: Manifest, now: datetime) -> Trial | None:
    """Of status.rollout; None where there is none that can be read."""
    entry = _rollout(owner)
    if not text(entry, "revision"):
        return None
    phase = text(entry, "phase")
    began = _past_moment(entry, "began", now) or now
    return Trial(
        revision=text(entry, "revision"),
        stage=max(integer(entry, "step"), 0),
        began=began,
        entered=_past_moment(entry, "entered", now) or began,
        confirmed=_past_moment(entry, "confirmed", now),
        held=float(max(0, integer(entry, "held"))),
        phase=next((known for known in PHASES if known == phase), "Starting"),
        message=text(entry, "message"),
        pause=next((known for known in PAUSES if known == text(entry, "pause")), ""),
        abort=text(entry, "abort"),
        retry=text(entry, "retry"),
        promote=text(entry, "promote"),
        windows=tuple(window for each in maps(entry, "windows") if (window := _window(each, now))),
        gates=tuple(_note(each, now) for each in maps(entry, "gates") if text(each, "name")),
        history=tuple(past for each in maps(entry, "history") if (past := _past(each))),
        asked=text(entry, "judgedBy"),
        surge=surge if (surge := integer(entry, "surge", -1)) >= 0 else None,
    )


def _trial_share(owner: Manifest) -> int:
    """Of a status of before that has none, the share that it had."""
    entry = _rollout(owner)
    return BEHIND if text(entry, "phase") == "Promoting" else integer(entry, "share", integer(entry, "traffic"))


def _past(entry: Manifest) -> Past | None:
    began, ended = moment(entry, "began"), moment(entry, "ended")
    result = next((known for known in RESULTS if known == text(entry, "result")), None)
    if began is None or ended is None or result is None:
        return None
    return Past(text(entry, "revision"), result, text(entry, "message"), began, ended)


def _window(entry: Manifest, now: datetime) -> Window | None:
    begin = _past_moment(entry, "begin", now)
    return Window(integer(entry, "traffic"), begin, _past_moment(entry, "end", now)) if begin else None


def _past_moment(entry: Manifest, field: str, now: datetime) -> datetime | None:
    """Of what has happened. A clock that was ahead wrote down what is to come; nobody waits until then."""
    found = moment(entry, field)
    return now if found and found > now + timedelta(seconds=AHEAD) else found


def _note(entry: Manifest, now: datetime) -> Note:
    at = _past_moment(entry, "at", now)
    return Note(
        name=text(entry, "name"),
        outcome=text(entry, "outcome"),
        words=text(entry, "message"),
        at=at.timestamp() if at else 0.0,
        silent=integer(entry, "silent"),
        failures=integer(entry, "failures"),
    )


def _routers(pods: Iterable[Manifest], apart: Collection[str], now: datetime) -> dict[str, float]:
    return {pod["metadata"]["name"]: _counts_since(pod, apart, now) for pod in pods}


def _counts_since(pod: Manifest, apart: Collection[str], now: datetime) -> float:
    """Of one that starts or leaves nothing is due, though its last streams may still be counted."""
    if not ready(pod) or text(pod["metadata"].get("labels"), names.POLICY_LABEL) in apart:
        return inf
    return (ready_since(pod) or now).timestamp()


def departures(facts: ModelFacts) -> dict[str, Departure]:
    """Of each revision, the strongest word of any policy: sending, then silent, then left."""
    views = (*facts.views, *facts.beyond)
    found = {r.name: {view.departure(r.name) for view in views} for r in facts.recorded}
    strength: tuple[Departure, ...] = ("sending", "silent")
    return {name: next((word for word in strength if word in said), "left") for name, said in found.items()}


def ready_replicas(workload: Manifest | None) -> int:
    """Engines of a workload that answer."""
    return integer((workload or {}).get("status"), "readyReplicas")


def _workloads(world: ModelWorld, known: set[str]) -> dict[str, Manifest]:
    """By revision: of those that the status names, and of those whose label and name say the same. A copy under another name
    is somebody else's."""
    model = world.owner["metadata"]["name"]
    found = {}
    for child in (c for c in world.children if c["kind"] in WORKLOADS):
        label = text(child["metadata"].get("labels"), names.REVISION_LABEL)
        revision = child["metadata"]["name"].removeprefix(f"{model}-")
        if revision in known or revision == label:
            found[revision] = child
    return found


def _reachable(world: ModelWorld, workloads: Mapping[str, Manifest]) -> frozenset[str]:
    """Routers find engines by this Service; one of somebody else by that name leads elsewhere."""
    meta = world.owner["metadata"]
    mine = {c["metadata"]["name"] for c in world.children if c["kind"] == "Service" and controlled_by(c, meta["uid"])}
    named = {revision: names.engines_service(meta["name"], revision, w["kind"]) for revision, w in workloads.items()}
    return frozenset(revision for revision, service in named.items() if service in mine)


def _revision(entry: Manifest, workloads: Mapping[str, Manifest], now: datetime) -> Revision | None:
    """An entry of status.revisions; None when it does not even say which revision it is. One in a role that only a later version
    knows is kept as one that has served. What an earlier version did not write down is taken for what protects most."""
    name, role = text(entry, "name"), ROLES.get(text(entry, "role"), "Retiring")
    if not name:
        return None
    proven = role != "Candidate"
    running = integer(workloads.get(name, {}).get("spec"), "replicas", 1)
    return Revision(
        name=name,
        role=role,
        since=moment(entry, "since") or now,
        identity=text(entry, "identity"),
        replicas=integer(entry, "replicas", running),
        answered=bool(entry.get("answered", proven)),
        incomplete_since=moment(entry, "incompleteSince"),
        completed=bool(entry.get("completed", proven)),
        silent_since=moment(entry, "silentSince"),
    )


def _told(entry: Manifest) -> Told:
    return Told(texts(entry, "servedNames"), texts(entry, "adapters"))


def _unrecorded(
    world: ModelWorld, workloads: Mapping[str, Manifest], recorded: tuple[Revision, ...], now: datetime
) -> tuple[Revision, ...]:
    """Revisions that are there although the status does not name them: all of them when it names no Active one, because it was
    lost, and else those whose engines answer, because it is older than they are. The stable Service says which had the traffic."""
    known = {revision.name for revision in recorded}
    whole = any(r.role == "Active" for r in recorded)
    selected = "" if whole else selected_revision(world)
    return tuple(
        Revision(
            name,
            "Active" if name == selected else "Retiring",
            now,
            replicas=integer(workload.get("spec"), "replicas", 1),
            answered=True,
            completed=True,
        )
        for name, workload in workloads.items()
        if name not in known
        and (not whole or ready_replicas(workload))
        and not workload["metadata"].get("deletionTimestamp")
    )


def selected_revision(world: ModelWorld) -> str:
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
    configuration = (policy.get("status") or {}).get("configuration")
    named = {text(b, "name"): text(b.get("modelDeploymentRef"), "name") for b in maps(policy.get("spec"), "backends")}

    def sent_to(field: str) -> frozenset[str]:
        mine = (b for b in maps(configuration, field) if _of(b, named) == model)
        return frozenset(revision for backend in mine for revision in _sent_to(backend))

    return RouterView(
        policy=policy["metadata"]["name"],
        known=isinstance(configuration, Mapping),
        newest=sent_to("backends"),
        older=sent_to("older"),
        live=integer(configuration, "live"),
        behind=integer(configuration, "behind"),
        silent=integer(configuration, "silent"),
        weights=_weights(b for b in maps(configuration, "backends") if _of(b, named) == model),
        more=truth(configuration, "more") or False,
    )


def _of(backend: Manifest, named: Mapping[str, str]) -> str:
    """The model that a backend stands for."""
    return text(backend, "model") or named.get(text(backend, "name"), "")


def _weights(backends: Iterable[Manifest]) -> dict[str, frozenset[int]]:
    """By revision; one that some backend does not send to has 0 among its shares."""
    sent = [{text(r, "name"): integer(r, "weight") for r in maps(backend, "revisions")} for backend in backends]
    return {name: frozenset(each.get(name, 0) for each in sent) for name in {name for each in sent for name in each}}


def _sent_to(backend: Manifest) -> frozenset[str]:
    """Revisions of a backend that get requests; an older operator wrote one without a weight."""
    entries = maps(backend, "revisions")
    found = {text(entry, "name") for entry in entries if integer(entry, "weight", 1) > 0}
    return frozenset(found | {text(backend, "revision")}) - {""}
