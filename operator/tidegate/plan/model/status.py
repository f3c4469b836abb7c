"""The status of a ModelDeployment: what serves, what is on its way, and the cluster's own words when something is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidegate.api.rollout import SHARING
from tidegate.names import GROUP, MAKE_ROOM_ANNOTATION
from tidegate.plan import conditions
from tidegate.plan.conditions import Verdict
from tidegate.plan.kube.objects import model_labels
from tidegate.plan.kube.pods import complaints, trouble, unschedulable
from tidegate.plan.kube.reading import integer, part
from tidegate.plan.kube.workloads import gave_up, refused
from tidegate.plan.model import beside, hanging, measured, provider, scaling, sharing
from tidegate.plan.model.decision import ModelDecision
from tidegate.plan.model.facts import ModelFacts, Told
from tidegate.plan.model.forecast import sentence
from tidegate.plan.model.foretold import outlook
from tidegate.plan.model.judging.history import Past
from tidegate.plan.model.judging.notes import Note
from tidegate.plan.model.judging.windows import Window
from tidegate.plan.model.rollout import Readiness, Revision
from tidegate.plan.model.stages import Trial
from tidegate.plan.model.trial import STANDS_IN
from tidegate.plan.world import ModelWorld

UNSHARED = "no RoutingPolicy leads to the model, so that it gets no share of the requests first: it takes over when all of its engines answer"
SUSPENDED = "suspended: nothing is touched until spec.suspend is false"


def model_status(world: ModelWorld, facts: ModelFacts, decision: ModelDecision, now: datetime) -> dict[str, Any]:
    """The whole status block."""
    active = decision.role("Active")
    name = active.name if active else ""
    found = [*conditions.standard(verdict(world, facts, decision, now)), *_others(world, decision)]
    return {
        "observedGeneration": world.owner["metadata"].get("generation", 0),
        "activeRevision": name,
        "roomMadeFor": decision.room_made_for or None,
        "rollout": _rollout(world, facts, decision),
        "revisions": [_revision(facts, decision, revision) for revision in decision.revisions],
        "replicas": _exist(facts, decision),
        "ready": f"{decision.of(active).ready}/{decision.replicas}",
        "readyReplicas": decision.of(active).ready,
        "desiredReplicas": decision.replicas,
        "autoscaling": _autoscaling(world, decision, now),
        "prefixCache": _prefix_cache(world),
        "hungEngines": hanging.status(world) or None,
        "selector": ",".join(f"{k}={v}" for k, v in sorted(model_labels(world.owner["metadata"]["name"]).items())),
        "conditions": conditions.written(found, world.owner, now),
    }


def _autoscaling(world: ModelWorld, decision: ModelDecision, now: datetime) -> dict[str, Any] | None:
    wanted = decision.model.spec.autoscaling
    if wanted is None:
        return None
    taken = decision.provided is not None and decision.provided.taken
    by: scaling.By = wanted.provider if taken and wanted.provider != "Operator" else ""
    return scaling.status(world, decision.replicas, by, now)


def _prefix_cache(world: ModelWorld) -> dict[str, Any] | None:
    """What is known now; else what was, because an operator that begins anew has yet to read its engines."""
    if world.rates is None:
        return dict(part(world.owner.get("status"), "prefixCache")) or None
    device, external = world.rates.device, world.rates.external
    return {"hitRate": f"{device}%"} | ({} if external is None else {"externalHitRate": f"{external}%"})


def _exist(facts: ModelFacts, decision: ModelDecision) -> int:
    """For /scale: engines of the revision that serves and of the one on trial. A blue/green, or a surge, has more than were asked for: an
    HPA within its tolerance asks for as many as there are, and so would double them at each rollout."""
    counted = (r.name for r in decision.revisions if r.role in ("Active", "Candidate"))
    found = sum(integer(facts.workloads.get(name, {}).get("status"), "replicas") for name in counted)
    return min(found, decision.replicas)


def _others(world: ModelWorld, decision: ModelDecision) -> list[dict[str, str]]:
    wanted, suspended = decision.model.spec.autoscaling, decision.model.spec.suspend
    told = [measured.condition(world, wanted, suspended=suspended)] if wanted else []
    told += hanging.condition(world)
    if suspended:
        return [conditions.condition(conditions.SUSPENDED, True, conditions.SUSPENDED_REASON, SUSPENDED), *told]
    found = [conditions.update_pending(decision.update, world.defaults.version, "spec.model or spec.engine")]
    if decision.trying.waits_for_a_person:
        found.insert(0, conditions.condition(conditions.SUSPENDED, True, conditions.PAUSED, trying_words(decision)))
    found += sharing.condition(world, decision.model)
    if wanted and decision.provided:
        found.append(provider.condition(world, wanted, decision.provided))
    return found + beside.condition(world, decision.model) + told


def verdict(world: ModelWorld, facts: ModelFacts, decision: ModelDecision, now: datetime) -> Verdict:
    """Ready, Reconciling and Stalled. Ready is whether some engine answers, whatever else is going on.

    candidate   Active one's engines   then
    ---------   --------------------   --------------------------------------------------------------
    was taken   any                    Stalled, and Ready while some engine answers
      back
    none        the newest one stands  Reconciling
                  in for another
    on trial    any                    Reconciling, with its share and what it waits for; Stalled, with its share,
                                         when an objective has no answer
    none        all answer             Reconciling while an old revision drains, else as it should be
    none        some, or none          Reconciling; Stalled when they are late
    starting    any                    Reconciling; Stalled when the candidate is late
    suspended   any                    neither
    """
    active, candidate = decision.role("Active"), decision.role("Candidate")
    readiness = decision.of(active)
    if decision.model.spec.suspend:
        return Verdict(serves(readiness), False, False, conditions.SUSPENDED_REASON, SUSPENDED)
    if tried := _trying(world, decision, serves(readiness)):
        return tried
    if candidate:
        return _switching(world, facts, decision, candidate, now)
    if active and not readiness.complete:
        return _starting(world, facts, decision, active, now)
    return _settled(facts, decision, readiness)


def _settled(facts: ModelFacts, decision: ModelDecision, readiness: Readiness) -> Verdict:
    """All engines of the Active one answer."""
    if retiring := decision.role("Retiring"):
        message = f"{_engines(readiness)}; revision {retiring.name} {_leaving(facts, retiring)}"
        return conditions.progressing(conditions.RETIRING, message, serving=True)
    if readiness.wanted == 0:
        return conditions.done(_zero(decision), conditions.SCALED_TO_ZERO)
    return conditions.done(_engines(readiness))


def _zero(decision: ModelDecision) -> str:
    wanted = decision.model.spec.autoscaling
    if wanted and wanted.scale_to_zero:
        return f"scaled to zero, because nobody asks; the next request waits up to {wanted.scale_to_zero.hold_requests} for an engine"
    return "scaled to zero; nothing answers until spec.replicas is above 0"


def _trying(world: ModelWorld, decision: ModelDecision, serving: bool) -> Verdict | None:
    """The rows of a trial that has given a share, or has failed."""
    if decision.trying.standing_in and decision.trying.trial:
        words = f"revision {decision.trying.trial.revision} {STANDS_IN}"
        return conditions.progressing(conditions.TRYING, words, serving=serving)
    if decision.trying.refused:
        return conditions.stalled(conditions.ROLLED_BACK, _taken_back(world, decision), serving=serving)
    trial = decision.trying.trial
    begun = decision.trying.share > 0 or (trial is not None and trial.confirmed is not None)
    if not begun or not decision.role("Candidate"):
        return None
    if decision.trying.unanswered:
        return conditions.stalled(conditions.GATE_UNANSWERED, trying_words(decision), serving=serving)
    reason = conditions.PAUSED if decision.trying.waits_for_a_person else conditions.TRYING
    return conditions.progressing(reason, trying_words(decision), serving=serving)


def trying_words(decision: ModelDecision) -> str:
    """Which share a revision on trial gets, and what it waits for."""
    trial, steps = decision.trying.trial, len(decision.trying.steps)
    if trial is None or not steps:
        return ""
    where = f"step {min(trial.stage, steps - 1) + 1} of {steps}"
    return f"revision {trial.revision} gets {decision.trying.share} % of the requests ({where}): {trial.message}"


def _taken_back(world: ModelWorld, decision: ModelDecision) -> str:
    trial, active, name = decision.trying.trial, decision.role("Active"), world.owner["metadata"]["name"]
    if trial is None:
        return ""
    serving = f"; revision {active.name} serves" if active else ""
    again = f"kubectl annotate --overwrite mdep/{name} {GROUP}/retry={trial.revision}/{_next_number(trial.retry)}"
    return (
        f"revision {trial.revision} was taken back: {trial.message}{serving}. Change the spec, or try it again: {again}"
    )


def _next_number(retry: str) -> int:
    """Of a retry that was not heeded yet: a value acts once."""
    number = retry.rpartition("/")[2]
    return int(number) + 1 if number.isascii() and number.isdigit() else 1


def _leaving(facts: ModelFacts, retiring: Revision) -> str:
    """Why a Retiring revision is still there."""
    said = {v.policy: v.departure(retiring.name) for v in (*facts.views, *facts.beyond)}
    sending = sorted(policy for policy, word in said.items() if word == "sending")
    silent = sorted(policy for policy, word in said.items() if word == "silent")
    if sending:
        return f"stays, because routers of {', '.join(sending)} report that they still send to it"
    if silent:
        return f"finishes its streams; routers of {', '.join(silent)} have not said that they left it"
    return "finishes its streams"


def _starting(
    world: ModelWorld, facts: ModelFacts, decision: ModelDecision, revision: Revision, now: datetime
) -> Verdict:
    readiness = decision.of(revision)
    reason, message = _trouble(world, facts, revision) or (conditions.STARTING, "")
    text = f"{_engines(readiness)}; {message}" if message else _engines(readiness)
    serving = serves(readiness)
    if _late(facts, decision, revision, now):
        told = f"{text}; startup took longer than spec.engine.startupTimeout"
        return conditions.stalled(reason if message else conditions.DEADLINE, told, serving=serving)
    return conditions.progressing(reason, text, serving=serving)


def _switching(
    world: ModelWorld, facts: ModelFacts, decision: ModelDecision, candidate: Revision, now: datetime
) -> Verdict:
    """The candidate starts, has no room, or cannot start."""
    serving = serves(decision.of(decision.role("Active")))
    late = _late(facts, decision, candidate, now)
    make = conditions.stalled if late else conditions.progressing
    if said := unschedulable(facts.pods.get(candidate.name, ())):
        return make(conditions.NO_CAPACITY, _no_room(world, candidate, said), serving=serving)
    reason, message = _trouble(world, facts, candidate) or (conditions.SWITCHING, "")
    text = f"revision {candidate.name} starts: {_engines(decision.of(candidate))}"
    text += f"; {UNSHARED}" if _unshared(facts, decision) else ""
    text += (f"; {message}" if message else "") + ("; the active revision goes on serving" if late and serving else "")
    text += "" if serving else "; no engine of the active revision answers at present"
    return make(conditions.DEADLINE if late and not message else reason, text, serving=serving)


def _unshared(facts: ModelFacts, decision: ModelDecision) -> bool:
    """Whether there are steps that nobody can give."""
    rollout = decision.model.spec.rollout
    return rollout is not None and rollout.strategy in SHARING and not facts.views


def _no_room(world: ModelWorld, candidate: Revision, said: str) -> str:
    name = world.owner["metadata"]["name"]
    return (
        f"revision {candidate.name} has no room beside the active one: {said.rstrip('.')}. Add nodes, or make room by hand, which "
        f"stops the old revision before the new one answers: kubectl annotate mdep/{name} {MAKE_ROOM_ANNOTATION}={candidate.name}"
    )


def _trouble(world: ModelWorld, facts: ModelFacts, revision: Revision) -> tuple[str, str] | None:
    """What keeps a revision's engines from answering: the Pods' words, or why there are none."""
    pods = facts.pods.get(revision.name, ())
    found = trouble(pods, complaints(pods, world.samples))
    workload = facts.workloads.get(revision.name)
    return found or (refused(workload, world.samples) if workload and not pods else None)


def _late(facts: ModelFacts, decision: ModelDecision, revision: Revision, now: datetime) -> bool:
    return decision.late(revision, now) or gave_up(facts.workloads.get(revision.name, {}))


def _rollout(world: ModelWorld, facts: ModelFacts, decision: ModelDecision) -> dict[str, Any] | None:
    trial = decision.trying.trial
    if trial is None:
        return None
    moments = {"began": trial.began, "entered": trial.entered, "confirmed": trial.confirmed}
    return {
        "revision": trial.revision,
        "phase": trial.phase,
        "step": trial.stage,
        "steps": len(decision.trying.steps),
        "share": _step_share(decision, trial),
        "traffic": decision.trying.share,
        "message": trial.message[:4096],
        "plan": None if decision.trying.course is None or trial.over else sentence(outlook(world, facts, decision)),
        "surge": trial.surge,
        "held": round(trial.held) or None,
        "pause": trial.pause or None,
        "judgedBy": trial.asked or None,
        "windows": [_window(window) for window in trial.windows],
        "gates": [_gate(note) for note in trial.gates],
        "history": [_past(past) for past in trial.history],
        "abort": trial.abort or None,
        "retry": trial.retry or None,
        "promote": trial.promote or None,
        **{name: moment.isoformat() for name, moment in moments.items() if moment},
    }


def _step_share(decision: ModelDecision, trial: Trial) -> int | None:
    """Percent that the step asks for at which it is; none when all of them are behind it. It is by this that a step is known again."""
    steps = decision.trying.steps
    return steps[trial.stage] if trial.stage < len(steps) else None


def _window(window: Window) -> dict[str, Any]:
    end = {"end": window.end.isoformat()} if window.end else {}
    return {"traffic": window.share, "begin": window.begin.isoformat(), **end}


def _past(past: Past) -> dict[str, Any]:
    moments = {"began": past.began.isoformat(), "ended": past.ended.isoformat()}
    return {"revision": past.revision, "result": past.result, "message": past.message[:1024], **moments}


def _gate(note: Note) -> dict[str, Any]:
    at = {"at": datetime.fromtimestamp(note.at, UTC).isoformat()} if note.at else {}
    said = {"name": note.name, "outcome": note.outcome, "message": note.words[:1024]}
    return {**said, "silent": note.silent, "failures": note.failures, **at}


def _engines(readiness: Readiness) -> str:
    return f"{readiness.ready} of {readiness.wanted} engines answer"


def _revision(facts: ModelFacts, decision: ModelDecision, revision: Revision) -> dict[str, Any]:
    """What routers need to know of a revision comes from its record or, when that was lost, from the last status."""
    data = decision.data.get(revision.name)
    last = facts.told.get(revision.name, Told([], []))
    entry = {
        "name": revision.name,
        "role": revision.role,
        "since": revision.since.isoformat(),
        "traffic": decision.traffic(revision),
        "replicas": revision.replicas,
        "readyReplicas": decision.of(revision).ready,
        "answered": revision.answered,
        "completed": revision.completed,
        "servedNames": data["servedNames"] if data else last.served_names,
        "adapters": data["adapters"] if data else last.adapters,
        "workload": kind_of(facts, decision, revision),
    }
    if revision.identity:
        entry["identity"] = revision.identity
    for field, moment in (("incompleteSince", revision.incomplete_since), ("silentSince", revision.silent_since)):
        if moment:
            entry[field] = moment.isoformat()
    return entry


def kind_of(facts: ModelFacts, decision: ModelDecision, revision: Revision) -> str:
    """The kind of a revision's workload; of the live one when its record was lost."""
    known = decision.data.get(revision.name) or facts.workloads.get(revision.name)
    return str(known["kind"]) if known else "Deployment"


def serves(readiness: Readiness) -> bool:
    """Whether some engine answers, and routers find it."""
    return readiness.reachable and readiness.ready > 0
