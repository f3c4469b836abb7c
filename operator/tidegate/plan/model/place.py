"""Where a model's Pods may run when their weights lie on a volume that only one node can have.

A ReadWriteOnce volume that is attached to a node keeps Pods on other nodes in ContainerCreating. So all Pods that share the
claim, of whatever revision, stay together: the first one goes where it fits, the others follow it. Who has no room there
is told so by the scheduler, in words that reach the status.
"""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment

HOSTNAME: Final = "kubernetes.io/hostname"
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def on_one_node(model: ModelDeployment) -> bool:
    """Whether the claim that the operator makes keeps all Pods on one node."""
    storage = model.spec.model.storage
    return bool(storage and storage.claim and storage.claim.access_mode == "ReadWriteOnce")


def claim_labels(model: ModelDeployment) -> dict[str, str]:
    """The label by which Pods that share a claim find each other: those of older revisions may have had other storage."""
    return {names.CLAIM_LABEL: names.weights_claim(model.metadata.name)} if on_one_node(model) else {}


def one_node(model: ModelDeployment) -> dict[str, Any]:
    """The Pods' affinity with the term that keeps them together, after the user's own; nothing where they may be apart."""
    if not on_one_node(model):
        return {}
    term = {"labelSelector": {"matchLabels": claim_labels(model)}, "topologyKey": HOSTNAME}
    affinity = model.spec.engine.scheduling.affinity or {}
    together = affinity.get("podAffinity") or {}
    return {"affinity": {**affinity, "podAffinity": {**together, REQUIRED: [*(together.get(REQUIRED) or []), term]}}}


def evictable(model: ModelDeployment) -> int | str:
    """How many Pods of a revision voluntary disruptions may take at a time. On one node it is all or none: a Pod that was
    evicted alone could only come back to the node that is being drained."""
    return "100%" if on_one_node(model) else 1
