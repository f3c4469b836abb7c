"""For how many more engines of a model there is room.

Room is counted node by node: two nodes with one free GPU each have no place for a Pod that wants two.

    what is known                                     engines
    -----------------------------------------------   --------------------------------------------------------------------
    the engine wants no GPU                           unknown: there is no limit here
    nobody may look at nodes, or none was read yet    unknown
    free GPUs, node by node                           the sum of free // wanted over nodes that its Pods may go to,
                                                        without those for its own Pods that have no node yet
    its Pods share a volume that one node can have    of that node alone; of the one with most room while none has it
    an engine is a group of Pods                      whole groups of them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.plan.capacity.nodes import Nodes, wanted
from tidegate.plan.capacity.place import goes
from tidegate.plan.kube.reading import part, text
from tidegate.plan.plan import Manifest


@dataclass(frozen=True)
class Engine:
    """What one engine of a model needs."""

    spec: Manifest
    """Of its Pods."""
    resource: str
    """`nvidia.com/gpu`."""
    pods: int = 1
    """In a group."""
    together: bool = False
    """Whether all Pods of the model have to be on one node."""

    @property
    def gpus(self) -> int:
        """Of all of its Pods."""
        return self.pods * wanted(self.spec, self.resource)


def room(nodes: Nodes | None, engine: Engine, pods: Sequence[Manifest] = ()) -> int | None:
    """The table; `pods` are the model's own. None: unknown."""
    each = wanted(engine.spec, engine.resource)
    if nodes is None or nodes.unknown or not each:
        return None
    placed = [text(part(pod, "spec"), "nodeName") for pod in pods]
    free = {node.name: max(0, node.free) // each for node in nodes.nodes if goes(engine.spec, node)}
    found = _on_one(free, {name for name in placed if name}) if engine.together else sum(free.values())
    return max(0, found - placed.count("")) // engine.pods


def _on_one(free: dict[str, int], taken: set[str]) -> int:
    return sum(free.get(name, 0) for name in taken) if taken else max(free.values(), default=0)
