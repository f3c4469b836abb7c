"""How many engines of a new revision there may be beside those that there should be: the surge.

spec.rollout.capacity      and                                            surge
------------------------   --------------------------------------------   ------------------------------------------------------------
maxSurgeGPUs                                                              at most the engines that have so many GPUs
whenFull: Wait                                                            no limit: who has no place waits for one, and every old engine
                                                                            stays; a cluster autoscaler sees who waits
whenFull: Swap             one engine should be there                     no limit: without it nobody would answer
                           it was decided                                 as it was decided, until the rollout ends; anew at the first
                                                                            step, while the scheduler has no node for a Pod of it
                           free GPUs are known                            the candidate's engines that have a node, and room for more
                           the scheduler has no node for a Pod of it      the candidate's engines that have a node
                           else                                           no limit yet

What was decided stays because its own engines take the room that there was, and old ones that leave make some. A limit that is no less
than what the strategy asks for is none: then the scheduler may still say that there is no place, for want of CPU or memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.api.engine import gpus_taken
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.rollout import SHARING, Rollout
from tidegate.plan.capacity.nodes import Nodes
from tidegate.plan.capacity.room import node_of, room
from tidegate.plan.kube.pods import unschedulable
from tidegate.plan.kube.reading import part
from tidegate.plan.model.argv import group_size
from tidegate.plan.model.place import on_one_node
from tidegate.plan.plan import Footprint, Manifest, ObjectKey, Question
from tidegate.plan.samples import Samples

ASKED_EVERY: Final = 10.0
"""Seconds between two looks at what nodes have left."""


@dataclass(frozen=True)
class Surge:
    """Engines beside those that there should be; None: no limit."""

    decided: int | None = None
    """What the status remembers."""
    most: int | None = None
    """What holds today."""


def footprint(model: ModelDeployment, data: Manifest) -> Footprint:
    """What one engine needs, from what is kept of its revision."""
    spec = part(data, "spec")
    template = part(spec, "template") or part(part(spec, "leaderWorkerTemplate"), "workerTemplate")
    engine = model.spec.engine
    return Footprint(part(template, "spec"), engine.gpus.resource_name, group_size(engine), on_one_node(model))


def question(model: ModelDeployment, *, quiet: bool = False) -> Question | None:
    """What nodes have left of the GPUs that it takes; None for engines without."""
    gpus = model.spec.engine.gpus
    return Question(ObjectKey("v1", "Node", "", gpus.resource_name), quiet=quiet) if gpus.count else None


def nodes(model: ModelDeployment, samples: Samples) -> Nodes | None:
    """What was answered last; None before that, and while nobody answers: engines leave by it."""
    asked = (question(model), question(model, quiet=True))
    found = (samples[one].value for one in asked if one and one in samples and not samples[one].error)
    return next((value for value in found if isinstance(value, Nodes)), None)


def surge(
    model: ModelDeployment,
    replicas: int,
    decided: int | None,
    free: Nodes | None,
    engine: Footprint,
    pods: Sequence[Manifest],
) -> Surge:
    """The table; `pods` are the candidate's."""
    rollout = model.spec.rollout
    if rollout is None or rollout.strategy not in SHARING:
        return Surge()
    swap = rollout.capacity.when_full == "Swap" and replicas > 1
    found = _swapped(rollout, replicas, decided, free, engine, pods) if swap else None
    return Surge(found, limited(model, found))


def limited(model: ModelDeployment, decided: int | None) -> int | None:
    """With what maxSurgeGPUs allows."""
    most = model.spec.rollout.capacity.max_surge_gpus if model.spec.rollout else None
    allowed = None if most is None else most // gpus_taken(model.spec.engine)
    return min((limit for limit in (decided, allowed) if limit is not None), default=None)


def _swapped(
    rollout: Rollout,
    replicas: int,
    decided: int | None,
    free: Nodes | None,
    engine: Footprint,
    pods: Sequence[Manifest],
) -> int | None:
    """The rows of Swap."""
    wants = min(rollout.rolling_update.max_surge, replicas) if rollout.strategy == "RollingUpdate" else replicas
    if decided is not None and decided < wants:
        return decided
    placed = [node for pod in pods if (node := node_of(pod))]
    if unschedulable(pods):
        return len(placed) // engine.pods
    if decided is not None:
        return decided
    more = room(free, engine, placed)
    return None if more is None else len(placed) // engine.pods + more
