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

from tidegate.plan.capacity.nodes import Nodes, wanted
from tidegate.plan.capacity.place import goes
from tidegate.plan.kube.reading import part, text
from tidegate.plan.plan import Footprint, Manifest


def room(nodes: Nodes | None, engine: Footprint, placed: Sequence[str] = ()) -> int | None:
    """The table; `placed` are the nodes of the model's own Pods, empty of one that has none yet. None: unknown."""
    each = wanted(engine.spec, engine.resource)
    if nodes is None or nodes.unknown or not each:
        return None
    free = {node.name: max(0, node.free) // each for node in nodes.nodes if goes(engine.spec, node)}
    found = _on_one(free, set(placed) - {""}) if engine.together else sum(free.values())
    return max(0, found - list(placed).count("")) // engine.pods


def gpus(engine: Footprint) -> int:
    """Of all of its Pods."""
    return engine.pods * wanted(engine.spec, engine.resource)


def node_of(pod: Manifest) -> str:
    """Its name; empty of a Pod that has none yet."""
    return text(part(pod, "spec"), "nodeName")


def _on_one(free: dict[str, int], taken: set[str]) -> int:
    return sum(free.get(name, 0) for name in taken) if taken else max(free.values(), default=0)
