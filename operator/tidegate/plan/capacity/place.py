"""Which nodes a Pod may go to, as the scheduler has it.

    the node                                             the Pod goes there
    --------------------------------------------------   ------------------------------------------------------------
    is not Ready                                         no
    has a taint NoSchedule or NoExecute                  only with a toleration of it; a cordoned node has such a taint
    lacks a label of the Pod's nodeSelector              no
    fits no term of its required node affinity           no
    else                                                 yes

Preferences do not count: they choose among nodes that fit. Nor does what is not about nodes: CPU, memory, volumes, other Pods. So
there may be less room than is told here, and then the scheduler says why.

https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tidegate.plan.capacity.nodes import Node, Taint
from tidegate.plan.kube.reading import maps, part, text, texts
from tidegate.plan.plan import Manifest

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def goes(spec: Manifest, node: Node) -> bool:
    """The table; `spec` is a Pod's."""
    selected = all(node.labels.get(label) == value for label, value in part(spec, "nodeSelector").items())
    return node.ready and selected and _tolerated(spec, node) and _attracted(spec, node)


def _tolerated(spec: Manifest, node: Node) -> bool:
    tolerations = maps(spec, "tolerations")
    return all(any(tolerates(one, taint) for one in tolerations) for taint in node.taints)


def tolerates(toleration: Manifest, taint: Taint) -> bool:
    """An absent key, with Exists, is all keys, and an absent effect all effects."""
    if text(toleration, "effect") not in ("", taint.effect):
        return False
    key, operator = text(toleration, "key"), text(toleration, "operator") or "Equal"
    if operator == "Exists":
        return key in ("", taint.key)
    return operator == "Equal" and (key, text(toleration, "value")) == (taint.key, taint.value)


def _attracted(spec: Manifest, node: Node) -> bool:
    required = part(part(part(spec, "affinity"), "nodeAffinity"), REQUIRED)
    terms = maps(required, "nodeSelectorTerms")
    return not required or any(_fits(term, node) for term in terms)


def _fits(term: Manifest, node: Node) -> bool:
    """A term without any requirement fits no node."""
    labels, fields = maps(term, "matchExpressions"), maps(term, "matchFields")
    of_labels = all(_holds(one, node.labels) for one in labels)
    return bool(labels or fields) and of_labels and all(_holds(one, {"metadata.name": node.name}) for one in fields)


def _holds(requirement: Manifest, labels: Mapping[str, str]) -> bool:
    """An operator that is not known holds nowhere."""
    value, values = labels.get(text(requirement, "key")), texts(requirement, "values")
    holds = _OPERATORS.get(text(requirement, "operator"))
    return holds is not None and holds(value, values)


def _compared(value: str | None, values: list[str]) -> int | None:
    """Below, at or above 0: the label's number against the requirement's; None where one of them is none."""
    try:
        return int(value or "") - int(values[0])
    except (ValueError, IndexError):
        return None


_OPERATORS: Final[Mapping[str, Callable[[str | None, list[str]], bool]]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: (_compared(value, values) or 0) > 0,
    "Lt": lambda value, values: (_compared(value, values) or 0) < 0,
}
