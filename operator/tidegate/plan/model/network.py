"""Who may reach a model's engines, where the operator is told to say so: engines know no keys, so whoever reaches them may ask.

who                                             which Pods of the model            which ports
---------------------------------------------   --------------------------------   ----------------
routers of the namespace, and the operator      all that answer                    the engine's
whoever the operator is told of besides         all that answer                    the engine's
Pods of the same model                          where a replica is several Pods    all: NCCL draws its ports
everybody                                       those that have a router           the router's, and its brain's

Where the operator is told no more, one that is there lets everybody in; it goes with its model, so that no right to delete is needed.
Kubelet's probes come from the node, which no NetworkPolicy keeps away; `kubectl port-forward` does, too.
https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tidegate import names
from tidegate.plan.kube.objects import child, model_labels
from tidegate.plan.plan import Manifest

_DOOR: Final = {"ports": [{"port": port, "protocol": "TCP"} for port in (names.ROUTER_PORT, names.BRAIN_PORT)]}


def network_policy(
    owner: Manifest, peers: Sequence[Manifest] | None, *, there: bool, groups: bool, beside: bool = False
) -> list[dict[str, Any]]:
    """The one, or none. `peers` are NetworkPolicyPeers, None where everybody may come; `there`: the model has one; `groups`: some
    replica is several Pods; `beside`: some Pod has a router."""
    model = owner["metadata"]["name"]
    if peers is None and not there:
        return []
    spec = {
        "podSelector": {"matchLabels": {names.MODEL_LABEL: model}},
        "policyTypes": ["Ingress"],
        "ingress": [{}] if peers is None else [*_allowed(model, peers, groups=groups), *([_DOOR] if beside else [])],
    }
    return [child("NetworkPolicy", names.engine_account(model), owner, model_labels(model), {"spec": spec})]


def _allowed(model: str, peers: Sequence[Manifest], *, groups: bool) -> list[dict[str, Any]]:
    asked = {"from": list(peers), "ports": [{"port": names.ENGINE_PORT, "protocol": "TCP"}]}
    each_other = {"from": [{"podSelector": {"matchLabels": {names.MODEL_LABEL: model}}}]}
    return [asked, each_other] if groups else [asked]
