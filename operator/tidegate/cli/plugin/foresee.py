"""What applying a manifest would do to a model, by the operator's own decisions on what the cluster says today.

the manifest, applied,                              is told as
-------------------------------------------------   ------------------------------------------------------------------------
makes a model                                       its first revision, and the GPUs that it needs
changes nothing that shapes Pods                    no new revision, and engines where their number changes
suspends it                                         nothing is touched
asks for a revision that was taken back             it is not tried again
asks for a revision that serves in part             what is left of its steps
asks for a new revision                             its steps, GPUs, time, and whether somebody goes without an answer
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.capacity.room import gpus, node_of
from tidegate.plan.kube.reading import part
from tidegate.plan.model.decision import ModelDecision, decide
from tidegate.plan.model.facts import read
from tidegate.plan.model.forecast import Outlook, about, answers, forecast, judged, time
from tidegate.plan.model.foretold import outlook
from tidegate.plan.model.rollout import find
from tidegate.plan.model.stages import Stage
from tidegate.plan.world import ModelWorld


@dataclass(frozen=True)
class Foreseen:
    """What is known of it."""

    name: str
    revision: str
    """That the manifest asks for."""
    active: str
    """That serves today; empty where none does."""
    engines: int
    """Of the model today."""
    gpus: int
    """That they have."""
    decision: ModelDecision
    seen: Outlook


def applied(live: Mapping[str, Any] | None, manifest: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The object as it would be. A number of engines that the manifest does not name stays what somebody else made it."""
    meta = part(manifest, "metadata")
    if live is None:
        born = {"uid": "", "resourceVersion": "0", "generation": 1}
        return {**manifest, "metadata": {**born, **meta, "namespace": namespace}}
    spec = {**({"replicas": live["spec"]["replicas"]} if "replicas" in live["spec"] else {}), **manifest["spec"]}
    annotations = {**part(live["metadata"], "annotations"), **part(meta, "annotations")}
    return {**live, "spec": spec, "metadata": {**live["metadata"], "annotations": annotations}}


def foresee(world: ModelWorld, now: datetime) -> Foreseen:
    """By the operator's own functions. Raises Stall where only a person can help."""
    model = ModelDeployment.model_validate({**world.owner, "status": None})
    facts = read(world, now)
    decision = decide(world, model, facts, now)
    seen, active = outlook(world, facts, decision), find(facts.recorded, "Active")
    placed = [pod for pod in world.pods if node_of(pod)]
    return Foreseen(
        name=model.metadata.name,
        revision=decision.newest,
        active=active.name if active else "",
        engines=len(placed) // seen.engine.pods,
        gpus=len(placed) * gpus(seen.engine) // seen.engine.pods,
        decision=decision,
        seen=seen,
    )


def lines(found: Foreseen) -> Iterator[str]:
    """For people: the table, in words."""
    model, tried = found.decision.model, found.decision.trying
    if model.spec.suspend:
        yield f"mdep/{found.name}: spec.suspend is true: nothing is touched"
    elif not found.active:
        yield f"mdep/{found.name}: revision {found.revision} is the first one: {_needs(found)}"
        yield f"  GPUs: {_fit(found)}"
    elif found.revision == found.active:
        yield f"mdep/{found.name}: no new revision: {found.revision} serves, and its Pods stay as they are"
        yield from _scaled(found)
    elif tried.refused:
        yield f"mdep/{found.name}: revision {found.revision} was taken back, and is not tried again unless somebody says so:"
        yield f"  kubectl tidegate rollout retry {found.name}"
    else:
        yield from _rolled(found)


def _rolled(found: Foreseen) -> Iterator[str]:
    seen, rollout = found.seen, found.decision.model.spec.rollout
    by = rollout.strategy if rollout and seen.course else "no steps"
    yield f"mdep/{found.name}: revision {found.revision} takes the place of {found.active} ({by})"
    if rollout and not seen.course:
        yield f"  No RoutingPolicy leads to it: nobody can give a revision a share, and nothing is judged ({rollout.strategy})"
    yield from _table(seen)
    yield f"  GPUs: {_fit(found)}"
    yield f"  Time: {time(forecast(seen))}"
    yield f"  Answers: {answers(seen, forecast(seen))}"
    yield f"  Judged: {judged(seen)}"


def _table(seen: Outlook) -> Iterator[str]:
    yield "  step   share  hold      new engines  old engines  GPUs"
    left = seen.stages
    for index, stage in enumerate(left[:-1], seen.at + 1):
        yield _row(str(index), stage, seen)
    yield _row("end", left[-1], seen, old=0)


def _row(step: str, stage: Stage, seen: Outlook, old: int | None = None) -> str:
    kept = seen.old(stage) if old is None else old
    hold = "manual" if stage.approval else about(stage.hold) if stage.hold else "-"
    cost = (stage.engines + kept) * gpus(seen.engine)
    return f"  {step:>4}  {stage.share:>4} %  {hold:<8}  {stage.engines:>11}  {kept:>11}  {cost:>4}"


def _needs(found: Foreseen) -> str:
    return f"{_some(found.decision.replicas, 'engine')} with {_some(gpus(found.seen.engine), 'GPU')} each"


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _scaled(found: Foreseen) -> Iterator[str]:
    wanted = found.decision.replicas
    if wanted != found.engines:
        yield f"  engines: {found.engines} today, {wanted} then; GPUs: {found.gpus} today, {wanted * gpus(found.seen.engine)} then"


def _fit(found: Foreseen) -> str:
    seen, told = found.seen, forecast(found.seen)
    each = gpus(seen.engine)
    if not each:
        return "none are needed"
    more = told.more if found.active else max(0, seen.replicas - found.engines)
    said = f"{found.gpus} today, {found.gpus + more * each} at most"
    if not more:
        return said
    if seen.room is None:
        return f"{said}; whether {more * each} are free is not known{': ' * bool(seen.blind)}{seen.blind}"
    room = f"nodes have room for {_some(seen.room, 'engine')} more ({_some(seen.room * each, 'GPU')})"
    return f"{said}; {room}: {'enough' if more <= seen.room else f'{(more - seen.room) * each} GPUs are missing, and engines wait for them'}"
