"""The outlook of a pass: what the forecast of a rollout goes by, as it is known at this moment."""

from __future__ import annotations

from itertools import chain

from tidegate.plan.capacity.room import node_of, room
from tidegate.plan.model.decision import ModelDecision
from tidegate.plan.model.facts import ModelFacts
from tidegate.plan.model.forecast import Outlook, startup
from tidegate.plan.model.group import works_for_another
from tidegate.plan.model.surge import footprint, nodes
from tidegate.plan.world import ModelWorld


def outlook(world: ModelWorld, facts: ModelFacts, decision: ModelDecision) -> Outlook:
    """Of the newest revision: its engines that have a node are there, and the others still need one."""
    trial, free = decision.trying.trial, nodes(decision.model, world.samples)
    needed = footprint(decision.model, decision.data.get(decision.newest, {}))
    placed = [node for pod in facts.pods.get(decision.newest, ()) if (node := node_of(pod))]
    engines = (pod for pod in chain.from_iterable(facts.pods.values()) if not works_for_another(pod))
    return Outlook(
        rollout=decision.model.spec.rollout,
        course=decision.trying.course,
        replicas=decision.replicas,
        engine=needed,
        room=room(free, needed, placed),
        startup=startup(world.owner.get("status"), tuple(engines)),
        at=trial.stage if trial and decision.trying.course else 0,
        there=len(placed) // needed.pods,
        counted=bool(decision.model.spec.objectives),
        blind=free.unknown if free else "",
    )
