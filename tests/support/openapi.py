"""Kubernetes' own description of its objects: the models of the `kubernetes` package refuse unknown fields, wrong types and what
is missing, as an API server with `fieldValidation=Strict` does.

What the package lacks is described here from its API reference, the parts that we write:
https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/ and
https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from kubernetes.aio import client
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from tidegate.plan.kube.difference import differences


class _Described(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class RollingUpdateConfiguration(_Described):
    partition: int = 0
    max_unavailable: int | str = 1
    max_surge: int | str = 0


class RolloutStrategy(_Described):
    type: Literal["RollingUpdate"]
    rolling_update_configuration: RollingUpdateConfiguration | None = None


class LeaderWorkerTemplate(_Described):
    leader_template: client.V1PodTemplateSpec | None = None
    worker_template: client.V1PodTemplateSpec
    size: int = 1
    restart_policy: Literal["RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None", "Default"] | None = None


class LeaderWorkerSetSpec(_Described):
    replicas: int = 1
    leader_worker_template: LeaderWorkerTemplate
    rollout_strategy: RolloutStrategy | None = None
    startup_policy: Literal["LeaderReady", "LeaderCreated"] = "LeaderCreated"


class LeaderWorkerSet(_Described):
    api_version: Literal["leaderworkerset.x-k8s.io/v1"]
    kind: Literal["LeaderWorkerSet"]
    metadata: client.V1ObjectMeta
    spec: LeaderWorkerSetSpec


class PodMetricsEndpoint(_Described):
    port: str
    path: str


class PodMonitorSpec(_Described):
    selector: client.V1LabelSelector
    pod_target_labels: list[str]
    pod_metrics_endpoints: list[PodMetricsEndpoint]


class PodMonitor(_Described):
    api_version: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PodMonitor"]
    metadata: client.V1ObjectMeta
    spec: PodMonitorSpec


OTHERS: Final[dict[str, type[BaseModel]]] = {
    model.__name__: model for model in (LeaderWorkerSet, LeaderWorkerSetSpec, PodMonitor)
}


def problems(manifest: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with an object that we make; a ControllerRevision's data is looked into."""
    found = _check(manifest["kind"], manifest)
    if manifest["kind"] == "ControllerRevision":
        found += _kept(manifest["data"])
    return found


def _kept(data: Mapping[str, Any]) -> list[str]:
    """A kept template: of a router, or of engines with their kind beside it."""
    return _check(f"{data['kind']}Spec", data["spec"]) if "kind" in data else _check("DeploymentSpec", data)


def _check(kind: str, manifest: Any) -> list[str]:
    model = OTHERS.get(kind) or getattr(client, f"V1{kind}")
    try:
        read = model.model_validate(manifest, strict=True)
    except ValidationError as error:
        return [f"{kind}.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    # the models take their fields' Python names as well
    written = read.model_dump(by_alias=True, exclude_unset=True)
    return [f"{kind}.{path}: not as the API spells it" for path in differences(written, manifest)]
