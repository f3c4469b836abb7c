"""Who leaves when there are to be fewer: the engine with the least to lose.

A ReplicaSet takes away what is not ready first, then what has the lowest `controller.kubernetes.io/pod-deletion-cost`. Before a Deployment is
made smaller, that many Pods get the cost -1, in this order, and a Pod that has it from a time before loses it:

    1. what is not ready         2. what hangs         3. fewest requests under way         4. emptiest KV cache         5. the youngest

An engine that was not read lately comes last: nobody knows what it would lose. Groups of Pods have an order of their own (LeaderWorkerSet
takes the highest index), and a revision that goes as a whole needs none.
https://kubernetes.io/docs/reference/labels-annotations-taints/#pod-deletion-cost
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any, Final

from tidegate.names import REVISION_LABEL
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import integer, part, text
from tidegate.plan.model.facts import ModelFacts
from tidegate.plan.model.hanging import hung
from tidegate.plan.plan import Cost, Manifest, ObjectKey
from tidegate.plan.world import ModelWorld

ANNOTATION: Final = "controller.kubernetes.io/pod-deletion-cost"
FIRST: Final = "-1"


def costs(world: ModelWorld, facts: ModelFacts, wanted: Iterable[Mapping[str, Any]]) -> Iterator[Cost]:
    """What is to be written on Pods before `wanted` is applied: nothing, unless a Deployment becomes smaller."""
    for manifest in wanted:
        if manifest["kind"] == "Deployment":
            revision = manifest["metadata"]["labels"][REVISION_LABEL]
            live = facts.workloads.get(revision)
            now = integer(part(live or {}, "spec"), "replicas")
            if now > manifest["spec"]["replicas"]:
                yield from _of(world, facts.pods.get(revision, ()), now - manifest["spec"]["replicas"])


def _of(world: ModelWorld, pods: Iterable[Manifest], fewer: int) -> Iterator[Cost]:
    here = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    chosen = sorted(here, key=lambda pod: _loss(world, pod))[:fewer]
    for pod in here:
        value = FIRST if pod in chosen else ""
        if text(pod["metadata"].get("annotations"), ANNOTATION) != value:
            yield Cost(ObjectKey.of({**pod, "apiVersion": "v1", "kind": "Pod"}), pod["metadata"]["uid"], value)


def _loss(world: ModelWorld, pod: Manifest) -> tuple[bool, bool, float, float, int]:
    """The order above."""
    uid = pod["metadata"]["uid"]
    load = world.loads.get(uid)
    requests, kv = (load.requests, load.kv) if load else (inf, inf)
    young = int("".join(filter(str.isdigit, text(pod["metadata"], "creationTimestamp"))) or 0)
    return ready(pod), uid not in {one.uid for one in hung(world)}, requests, kv, -young
