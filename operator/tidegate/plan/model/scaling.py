"""How many engines a model should have, and what decides it.

spec.autoscaling   what is known                                     engines
----------------   -----------------------------------------------   ------------------------------------------------------------
absent                                                               spec.replicas
of another         any                                               as `provider` says
  provider
there              another provider has decided until now            as before
                   a look has decided                                as it says
                   none has yet, and the status says how many        as before: an operator that begins anew changes nothing
                   neither                                           as many as there should have been before, or one: a new model
                                                                       shows that it can start before it may have none

and never outside of minReplicas and maxReplicas. The decision itself is plan/scaling's; it looks beside the passes, and a pass reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

from tidegate.api.autoscaling import Autoscaling, Signal
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.names import ENGINE_CONTAINER, REVISION_LABEL
from tidegate.plan.capacity.room import node_of
from tidegate.plan.kube.pods import ready, ready_since
from tidegate.plan.kube.reading import integer, maps, moment, part, text
from tidegate.plan.model import hanging, provider, surge
from tidegate.plan.model.group import works_for_another
from tidegate.plan.model.judging.questions import TO_FIRST_TOKEN
from tidegate.plan.model.yesterday import remembered
from tidegate.plan.plan import Door, Footprint, Manifest, ObjectKey, Query, Question, Replica, Scale
from tidegate.plan.scaling.asked import settings
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.state import kept
from tidegate.plan.world import ModelWorld

SEQUENCES: Final = 256
"""vLLM's own default of --max-num-seqs on the GPUs that serve most."""
ASKED_EVERY: Final = 15.0
"""Seconds between two questions about a signal that Prometheus has."""
REMEMBERED: Final = 600.0
"""Seconds after which what was learned is written down again although nothing else changed."""
METRICS: Final = {
    "timeToFirstToken": TO_FIRST_TOKEN,
    "timePerOutputToken": "tidegate_time_per_output_token_seconds",
}


By = Literal["", "HPA", "KEDA"]


def replicas(world: ModelWorld, model: ModelDeployment, active: int) -> int:
    """The table; `active` are the engines that there should be at present, of both revisions in a rollout, 0 without an Active one."""
    wanted = model.spec.autoscaling
    if wanted is None:
        return model.spec.replicas
    if another := provider.another(model):
        return provider.provided(world, model, another, active).engines
    known = integer(_last(world), "desiredReplicas", max(active, 1))
    found = world.scaled.replicas if world.scaled and not text(_last(world), "provider") else known
    return min(max(found, wanted.min_replicas), wanted.max_replicas)


def _last(world: ModelWorld) -> Manifest:
    """What the last status says."""
    return part(world.owner.get("status"), "autoscaling")


def scale(
    world: ModelWorld, model: ModelDeployment, engines: int, retiring: frozenset[str], footprint: Footprint
) -> Scale | None:
    """What is looked at; `engines` are asked for at present, and revisions that retire get no new requests."""
    wanted = model.spec.autoscaling
    read = tuple(_replica(pod, retiring) for pod in world.pods if _address(pod) and not works_for_another(pod))
    if model.spec.suspend or not (wanted or read):
        return None
    return Scale(
        settings=settings(wanted, model.spec.engine.max_num_seqs or SEQUENCES) if wanted else None,
        replicas=engines,
        engines=read,
        questions=questions(world, wanted) if wanted else {},
        memory=part(_last(world), "memory"),
        footprint=footprint,
        nodes=surge.question(model, quiet=True) if wanted and engines < wanted.max_replicas else None,
        placed=tuple(map(node_of, world.pods)),
        doors=tuple(_doors(world)) if wanted and wanted.scale_to_zero else (),
        days=remembered(world),
        hung=hanging.told(world),
        obeyed=provider.another(model) is None,
    )


def _doors(world: ModelWorld) -> Iterator[Door]:
    """Routers that get requests, and those that leave: they end when the last one has."""
    for pod in world.routers:
        leaves = bool(pod["metadata"].get("deletionTimestamp"))
        if _address(pod) and (leaves or ready(pod)):
            yield Door(_address(pod), leaves)


def _replica(pod: Manifest, retiring: frozenset[str]) -> Replica:
    meta = pod["metadata"]
    leaves = bool(meta.get("deletionTimestamp")) or text(meta.get("labels"), REVISION_LABEL) in retiring
    created, since = moment(meta, "creationTimestamp"), ready_since(pod)
    answers = since.timestamp() if since else None
    return Replica(
        text(meta, "uid"),
        _address(pod),
        created.timestamp() if created else 0.0,
        answers,
        leaves,
        text(meta, "name"),
        _image(pod),
    )


def _image(pod: Manifest) -> str:
    """The engine's: its tag says which version."""
    containers = maps(pod.get("status"), "containerStatuses")
    return next((text(one, "image") for one in containers if text(one, "name") == ENGINE_CONTAINER), "")


def _address(pod: Manifest) -> str:
    return text(pod.get("status"), "podIP")


def questions(world: ModelWorld, wanted: Autoscaling) -> dict[str, Question]:
    """Of signals that Prometheus has; none without one."""
    about = ObjectKey.of(world.owner)
    asked = {one.name: _promql(one, about) for one in wanted.signals if world.scrape is not None}
    return {name: Question(about, query=Query(promql, 0.0, counted=False)) for name, promql in asked.items() if promql}


def _promql(one: Signal, model: ObjectKey) -> str:
    if one.query:
        return one.query.prom_ql
    objective = one.time_to_first_token or one.time_per_output_token
    if objective is None:
        return ""
    share = float(objective.percentile) / 100
    series = f'{METRICS[one.kind]}_bucket{{namespace="{model.namespace}",model="{model.name}"}}[1m]'
    return f"histogram_quantile({share:g}, sum by (le) (rate({series})))"


def status(world: ModelWorld, engines: int, by: By, now: datetime) -> dict[str, Any]:
    """status.autoscaling: written anew when the number or its reason changes, and now and then for what was learned. `by`: the provider that
    writes spec.replicas; empty while the operator decides."""
    decision, last = world.scaled, _last(world)
    old = {key: value for key, value in last.items() if key != "provider"} | ({"provider": by} if by else {})
    if decision is None:
        return {**old, "desiredReplicas": engines}
    if by:
        decision = replace(decision, limit=by, words=f"{by} decides; the operator would ask for {decision.replicas}")
    same = (integer(old, "desiredReplicas", -1), text(old, "limit")) == (engines, decision.limit)
    written = moment(old, "since")
    if same and written and (now - written).total_seconds() < REMEMBERED:
        return old
    return _told(decision, engines, now) | ({"provider": by} if by else {})


def _told(decision: Decision, engines: int, now: datetime) -> dict[str, Any]:
    signals = [
        {"signal": one.name, "replicas": f"{one.need:.2f}", "message": (one.missing or one.words)[:1024]}
        for one in decision.answers[:32]
    ]
    return {
        "desiredReplicas": engines,
        "limit": decision.limit,
        "message": decision.words[:4096],
        "since": now.isoformat(),
        "signals": signals,
        "memory": kept(decision.state),
    }
