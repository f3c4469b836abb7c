"""What nodes have left of an extended resource, such as `nvidia.com/gpu`.

free = allocatable - what Pods that are bound to the node ask for, the ones that leave included: kubelet frees it when they are gone.
A Pod that has ended (Succeeded, Failed) asks for nothing.

    a Pod asks for                          counted
    -------------------------------------   ----------------------------------------------------------------------
    containers                              the sum of them
    init containers, one after the other    the largest of them, where it is more than the sum
    init containers that go on (sidecars)   with the containers, and with each init container after them
    spec.overhead                           on top

https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.api.values import amount
from tidegate.plan.kube.reading import maps, part, text, truth
from tidegate.plan.plan import Manifest

KEEPS_AWAY: Final = ("NoSchedule", "NoExecute")
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
OVER: Final = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Taint:
    """What keeps Pods away that do not tolerate it."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True)
class Node:
    """One that has the resource."""

    name: str
    free: int
    """How much of it nobody asks for; below 0 where a device has failed since."""
    ready: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()


@dataclass(frozen=True)
class Nodes:
    """The nodes of a cluster that have the resource."""

    nodes: tuple[Node, ...] = ()
    unknown: str = ""
    """Why nobody knows, in a sentence; empty when it is known."""


def nodes_of(found: Iterable[Manifest], pods: Mapping[str, Iterable[Manifest]], resource: str) -> Nodes:
    """`pods` are those bound to each node, by its name."""
    having = (node for node in found if offered(node, resource))
    return Nodes(tuple(_node(node, pods.get(_name(node), ()), resource) for node in having))


def offered(node: Manifest, resource: str) -> int:
    """How much of it a node has for Pods."""
    return _whole(part(part(node, "status"), "allocatable").get(resource))


def _node(node: Manifest, pods: Iterable[Manifest], resource: str) -> Node:
    conditions = maps(part(node, "status"), "conditions")
    return Node(
        name=_name(node),
        free=offered(node, resource) - sum(asked(pod, resource) for pod in pods),
        ready=any(text(c, "type") == "Ready" and text(c, "status") == "True" for c in conditions),
        labels=dict(part(part(node, "metadata"), "labels")),
        taints=_taints(part(node, "spec")),
    )


def _name(node: Manifest) -> str:
    return text(part(node, "metadata"), "name")


def _taints(spec: Manifest) -> tuple[Taint, ...]:
    """With that of a cordoned node, which the node's controller adds a moment later."""
    found = [Taint(text(t, "key"), text(t, "effect"), text(t, "value")) for t in maps(spec, "taints")]
    found += [Taint(UNSCHEDULABLE, "NoSchedule")] if truth(spec, "unschedulable") else []
    return tuple(dict.fromkeys(taint for taint in found if taint.effect in KEEPS_AWAY))


def asked(pod: Manifest, resource: str) -> int:
    """The second table."""
    if text(part(pod, "status"), "phase") in OVER:
        return 0
    spec = part(pod, "spec")
    return wanted(spec, resource) + _whole(part(spec, "overhead").get(resource))


def wanted(spec: Manifest, resource: str) -> int:
    """What a Pod's containers ask for."""
    sidecars, peak = 0, 0
    for container in maps(spec, "initContainers"):
        count = _of(container, resource)
        peak = max(peak, sidecars + count)
        sidecars += count if text(container, "restartPolicy") == "Always" else 0
    return max(peak, sidecars + sum(_of(container, resource) for container in maps(spec, "containers")))


def _of(container: Manifest, resource: str) -> int:
    """A limit alone is the request, too."""
    resources = part(container, "resources")
    return _whole(part(resources, "requests").get(resource, part(resources, "limits").get(resource)))


def _whole(quantity: Any) -> int:
    """Extended resources are whole numbers, which may be written as `1k`; what is none counts as 0."""
    try:
        return int(amount(str(quantity)))
    except (ArithmeticError, KeyError, ValueError):
        return 0
