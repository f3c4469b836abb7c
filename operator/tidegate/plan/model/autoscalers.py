"""The HorizontalPodAutoscaler or ScaledObject of a model that somebody else scales. Both target the ModelDeployment, never a workload.

signal                 HPA: external metric of the operator      KEDA: PromQL, a sum over the engines                     target of each
--------------------   ---------------------------------------   ------------------------------------------------------   -----------------
(none is named)        tidegate-desired-replicas                 tidegate_autoscaling_desired_replicas                    1
queueDepth             tidegate-signal: waiting and held         vllm:num_requests_waiting                                requests
kvCacheUtilization     tidegate-signal: the fuller of KV, batch  vllm:kv_cache_usage_perc, or its older name              share
requestsPerReplica     tidegate-signal: running, waiting, held   vllm:num_requests_running and _waiting                   requests
query                  tidegate-signal: what Prometheus said     the query                                                its own

Every target is an AverageValue: total / target = engines. `behavior` is passed on as it was written. Names of metrics are those that the
operator itself reads (`engine_metrics`), the first that an engine has.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
https://keda.sh/docs/latest/reference/scaledobject-spec/
"""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.api.autoscaling import Autoscaling, Signal
from tidegate.api.values import fraction
from tidegate.engines.metrics import NAMES
from tidegate.plan.kube.objects import child, model_labels
from tidegate.plan.plan import Manifest

KINDS: Final = {"HPA": "HorizontalPodAutoscaler", "KEDA": "ScaledObject"}
EVERY: Final = 15
"""Seconds between two looks of KEDA's: as often as an HPA looks."""


def autoscaler(owner: Manifest, wanted: Autoscaling, prometheus: str, authentication: str = "") -> dict[str, Any]:
    """The one of its provider; `prometheus` is where KEDA asks, and `authentication` the ClusterTriggerAuthentication that it asks with."""
    asked = prometheus, authentication
    spec = _horizontal(owner, wanted) if wanted.provider == "HPA" else _scaled_object(owner, wanted, *asked)
    model = owner["metadata"]["name"]
    return child(KINDS[wanted.provider], names.autoscaler(model), owner, model_labels(model), {"spec": spec})


def _target(owner: Manifest) -> dict[str, str]:
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}


def _behavior(wanted: Autoscaling) -> dict[str, Any]:
    """As it was written; empty where it was not."""
    return wanted.behavior.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)


def _horizontal(owner: Manifest, wanted: Autoscaling) -> dict[str, Any]:
    model, behavior = owner["metadata"]["name"], _behavior(wanted)
    metrics = [_external(model, one) for one in wanted.signals] or [_desired(model)]
    return {
        "scaleTargetRef": _target(owner),
        "minReplicas": wanted.min_replicas,
        "maxReplicas": wanted.max_replicas,
        "metrics": metrics,
        **({"behavior": behavior} if behavior else {}),
    }


def _desired(model: str) -> dict[str, Any]:
    return _metric(names.DESIRED_METRIC, {"model": model}, "1")


def _external(model: str, one: Signal) -> dict[str, Any]:
    return _metric(names.SIGNAL_METRIC, {"model": model, "signal": one.name}, target(one))


def _metric(name: str, labels: dict[str, str], average: str) -> dict[str, Any]:
    metric = {"name": name, "selector": {"matchLabels": labels}}
    return {
        "type": "External",
        "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": average}},
    }


def target(one: Signal) -> str:
    """Of each replica, as a quantity. Raises ValueError for a latency, which the API refuses."""
    if one.queue_depth:
        return str(one.queue_depth.target)
    if one.kv_cache_utilization:
        return f"{fraction(one.kv_cache_utilization.target):f}"
    if one.requests_per_replica:
        return str(one.requests_per_replica.target)
    if one.query:
        return one.query.target
    raise ValueError(f"signal {one.name} is no ratio")


def _scaled_object(owner: Manifest, wanted: Autoscaling, prometheus: str, authentication: str) -> dict[str, Any]:
    meta, behavior = owner["metadata"], _behavior(wanted)
    about = f'namespace="{meta["namespace"]}"', meta["name"]
    asked = [(one.name, _promql(one, *about), target(one)) for one in wanted.signals] or [_asked_for(*about)]
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": behavior}} if behavior else {}
    return {
        "scaleTargetRef": _target(owner),
        "pollingInterval": EVERY,
        "minReplicaCount": wanted.min_replicas,
        "maxReplicaCount": wanted.max_replicas,
        "advanced": {"restoreToOriginalReplicaCount": False, **advanced},
        "triggers": [_trigger(*one, prometheus) | _authenticated(authentication) for one in asked],
    }


def _asked_for(namespace: str, model: str) -> tuple[str, str, str]:
    return "desired", f'max(tidegate_autoscaling_desired_replicas{{{namespace},name="{model}"}})', "1"


def _promql(one: Signal, namespace: str, model: str) -> str:
    engines = f'{{{namespace},tidegate_dev_model="{model}"}}'
    if one.query:
        return one.query.prom_ql
    if one.kv_cache_utilization:
        return _sum("kv", engines)
    waiting = _sum("waiting", engines)
    return waiting if one.queue_depth else f"{_sum('running', engines)} + {waiting}"


def _sum(number: str, engines: str) -> str:
    """Over engines; one that has several of a number's names has them with the same labels, and counts once."""
    return f"sum({' or '.join(f'{name.decode()}{engines}' for name in NAMES[number])})"


def _trigger(name: str, query: str, threshold: str, prometheus: str) -> dict[str, Any]:
    """No answer is an error, and holds; KEDA would take it for 0."""
    said = {"serverAddress": prometheus, "query": query, "threshold": threshold, "ignoreNullValues": "false"}
    return {"type": "prometheus", "name": name, "metricType": "AverageValue", "metadata": said}


def _authenticated(name: str) -> dict[str, Any]:
    return {"authenticationRef": {"kind": "ClusterTriggerAuthentication", "name": name}} if name else {}
