"""Who writes how many engines there are: each row of the table, and the objects that are made for it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from tests.plan.model.test_scaling import SPEC
from tests.support.builders import DEFAULTS, NOW, owner
from tests.support.structural import SCALED_OBJECT, problems
from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.model.autoscalers import autoscaler
from tidegate.plan.model.plan import plan_model
from tidegate.plan.model.provider import Provided, another, condition, provided
from tidegate.plan.plan import Manifest
from tidegate.plan.world import Capabilities, ModelWorld

QUEUE: dict[str, Any] = {"name": "queue", "queueDepth": {"target": 5}}
KV: dict[str, Any] = {"name": "kv", "kvCacheUtilization": {"target": "80%"}}
LOAD: dict[str, Any] = {"name": "load", "requestsPerReplica": {"target": 20}}
OWN: dict[str, Any] = {"name": "own", "query": {"promQL": "sum(x)", "target": "0.5"}}


def world(provider: str = "HPA", replicas: int = 1, status: Any = None, **autoscaling: Any) -> ModelWorld:
    spec = SPEC | {"autoscaling": {"maxReplicas": 8, "provider": provider, **autoscaling}, "replicas": replicas}
    made = owner(names.MODEL_DEPLOYMENT, "small", spec)
    made["status"] = {"autoscaling": status} if status else {}
    return ModelWorld(
        made,
        DEFAULTS,
        Capabilities(scaled_object=True),
        prometheus="http://prometheus:9090",
        serves_metrics=True,
    )


def found(known: ModelWorld, active: int = 0) -> Provided:
    model = ModelDeployment.model_validate({**known.owner, "status": None})
    wanted = another(model)
    assert wanted
    return provided(known, model, wanted, active)


TAKEN, OPERATORS = {"provider": "HPA", "desiredReplicas": 5}, {"desiredReplicas": 5}


@pytest.mark.parametrize(
    ("known", "active", "expected"),
    [
        (world(replicas=3, status=TAKEN), 5, Provided(3, taken=True)),
        (world(replicas=20, status=TAKEN), 5, Provided(8, taken=True)),
        (world(replicas=1, status=OPERATORS), 5, Provided(5, handover=5)),
        (world(replicas=5, status=OPERATORS), 5, Provided(5, taken=True)),
        (world(replicas=1), 0, Provided(1, taken=True)),
        (world(replicas=4), 0, Provided(4, taken=True)),
        (world(replicas=1), 4, Provided(4, handover=4)),
        (world(replicas=1, minReplicas=2), 0, Provided(2, handover=2)),
        (replace(world(status=OPERATORS), serves_metrics=False), 5, Provided(5, missing="MetricsNotServed")),
        (replace(world("KEDA", status=OPERATORS), prometheus=""), 5, Provided(5, missing="PrometheusMissing")),
        (replace(world("KEDA", status=OPERATORS), capabilities=Capabilities()), 5, Provided(5, missing="KedaMissing")),
        (
            replace(world("KEDA", replicas=3, status=TAKEN), capabilities=Capabilities()),
            5,
            Provided(3, taken=True, missing="KedaMissing"),
        ),
    ],
)
def test_the_table(known: ModelWorld, active: int, expected: Provided) -> None:
    assert found(known, active) == expected


def made(known: ModelWorld, kind: str) -> Manifest | None:
    return next((each for each in plan_model(known, NOW).apply if each["kind"] == kind), None)


def test_it_is_handed_over_before_its_object_is_made() -> None:
    plan = plan_model(world(status=OPERATORS), NOW)
    assert plan.handover == 5
    assert not any(each["kind"] == "HorizontalPodAutoscaler" for each in plan.apply)
    assert "provider" not in plan.status["autoscaling"]


def test_the_status_names_it_first() -> None:
    plan = plan_model(world(replicas=5, status=OPERATORS), NOW)
    assert (plan.handover, plan.status["autoscaling"]["provider"]) == (None, "HPA")
    assert made(world(replicas=5, status=OPERATORS), "HorizontalPodAutoscaler")


def test_what_is_missing_makes_no_object() -> None:
    assert made(replace(world("KEDA", status=TAKEN), capabilities=Capabilities()), "ScaledObject") is None


def test_a_horizontal_pod_autoscaler() -> None:
    behavior = {
        "scaleDown": {"stabilizationWindowSeconds": 60, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}]}
    }
    hpa = made(
        world(status=TAKEN, signals=[QUEUE, KV, OWN], behavior=behavior, minReplicas=2), "HorizontalPodAutoscaler"
    )
    assert hpa
    assert hpa["apiVersion"] == "autoscaling/v2"
    spec = hpa["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "tidegate.dev/v1alpha1", "kind": "ModelDeployment", "name": "small"}
    assert (spec["minReplicas"], spec["maxReplicas"], spec["behavior"]) == (2, 8, behavior)
    told = [(m["external"]["metric"], m["external"]["target"]) for m in spec["metrics"]]
    assert told == [
        ({"name": "tidegate-signal", "selector": {"matchLabels": {"model": "small", "signal": name}}}, {"type": "AverageValue", "averageValue": value})
        for name, value in (("queue", "5"), ("kv", "0.8"), ("own", "0.5"))
    ]  # fmt: skip


def test_without_signals_it_follows_the_operator() -> None:
    hpa = made(world(status=TAKEN), "HorizontalPodAutoscaler")
    assert hpa
    [metric] = hpa["spec"]["metrics"]
    assert metric["external"]["metric"]["name"] == "tidegate-desired-replicas"
    assert metric["external"]["target"] == {"type": "AverageValue", "averageValue": "1"}
    assert "behavior" not in hpa["spec"]


def test_a_scaled_object() -> None:
    behavior = {"scaleUp": {"selectPolicy": "Min"}}
    known = world("KEDA", status=TAKEN, signals=[QUEUE, KV, LOAD, OWN], behavior=behavior)
    made_ = made(known, "ScaledObject")
    assert made_
    spec = made_["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 8)
    assert spec["advanced"] == {
        "restoreToOriginalReplicaCount": False,
        "horizontalPodAutoscalerConfig": {"behavior": behavior},
    }
    engines = '{namespace="shop",tidegate_dev_model="small"}'
    assert [(t["metadata"]["query"], t["metadata"]["threshold"]) for t in spec["triggers"]] == [
        (f"sum(vllm:num_requests_waiting{engines})", "5"),
        (f"sum(vllm:kv_cache_usage_perc{engines} or vllm:gpu_cache_usage_perc{engines})", "0.8"),
        (f"sum(vllm:num_requests_running{engines}) + sum(vllm:num_requests_waiting{engines})", "20"),
        ("sum(x)", "0.5"),
    ]
    assert {t["metadata"]["serverAddress"] for t in spec["triggers"]} == {"http://prometheus:9090"}
    assert {t["metadata"]["ignoreNullValues"] for t in spec["triggers"]} == {"false"}


BEHAVIOR = {
    "scaleUp": {"selectPolicy": "Min", "tolerance": "0.05"},
    "scaleDown": {"stabilizationWindowSeconds": 60, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}]},
}


@pytest.mark.parametrize(
    "autoscaling", [{}, {"signals": [QUEUE, KV, LOAD, OWN], "behavior": BEHAVIOR, "minReplicas": 2}]
)
def test_a_scaled_object_is_as_keda_s_own_schema_wants_it(autoscaling: dict[str, Any]) -> None:
    made_ = made(world("KEDA", status=TAKEN, **autoscaling), "ScaledObject")
    assert made_
    assert problems(SCALED_OBJECT, made_) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("minReplicas",), 1, ".spec.minReplicas: unknown"),
        (("minReplicaCount",), "1", ".spec.minReplicaCount: not of type integer"),
        (("triggers",), [], ".spec.triggers: too few"),
        (("triggers", 0, "metricType"), 1, ".spec.triggers.0.metricType: not of type string"),
        (("triggers", 0, "metadata"), {"threshold": 5}, ".spec.triggers.0.metadata.threshold: not of type string"),
        (("scaleTargetRef",), {"kind": "ModelDeployment"}, ".spec.scaleTargetRef.name: missing"),
        (
            ("advanced",),
            {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"tolerance": "much"}}}},
            ".spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.tolerance: 'much' does not match",
        ),
    ],
)
def test_what_keda_s_schema_refuses(path: tuple[str | int, ...], value: Any, expected: str) -> None:
    spoilt = copy.deepcopy(made(world("KEDA", status=TAKEN, signals=[QUEUE]), "ScaledObject"))
    assert spoilt
    part: Any = spoilt["spec"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    [told] = problems(SCALED_OBJECT, spoilt)
    assert told.startswith(expected)


def test_keda_asks_with_a_token_where_there_is_one() -> None:
    known = world("KEDA", status=TAKEN, signals=[QUEUE, KV])
    made_ = made(replace(known, defaults=replace(DEFAULTS, keda_authentication="prometheus")), "ScaledObject")
    assert made_
    assert problems(SCALED_OBJECT, made_) == []
    named = {"kind": "ClusterTriggerAuthentication", "name": "prometheus"}
    assert [trigger["authenticationRef"] for trigger in made_["spec"]["triggers"]] == [named, named]


def test_a_latency_has_no_target() -> None:
    known = world(signals=[QUEUE])
    wanted = ModelDeployment.model_validate({**known.owner, "status": None}).spec.autoscaling
    assert wanted
    signal = wanted.signals[0].model_copy(update={"queue_depth": None})
    with pytest.raises(ValueError, match="signal queue is no ratio"):
        autoscaler(known.owner, wanted.model_copy(update={"signals": [signal]}), "")


DECIDES = ("True", "ProviderDecides", "the ScaledObject decides, and writes spec.replicas")


def says(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def told(known: ModelWorld) -> tuple[str, str, str]:
    model = ModelDeployment.model_validate({**known.owner, "status": None})
    wanted = another(model)
    assert wanted
    said = condition(known, wanted, provided(known, model, wanted, 5))
    return said["status"], said["reason"], said["message"]


def live(kind: str, *conditions: dict[str, str], **metadata: Any) -> Manifest:
    return {"kind": kind, "metadata": {"name": "small", **metadata}, "status": {"conditions": list(conditions)}}


NO_ANSWER = says("HPAActive", "False", "FailedGetExternalMetric", "HPA is not actively scaling: no metrics")
PARTLY = (
    "True",
    "PartialTriggerError",
    "some triggers of the ScaledObject fail: it adds engines by those that answer, and takes none away; `kubectl describe` of it names them",
)
TRIGGERS = says("Ready", "False", "TriggerError", "Triggers defined in ScaledObject are not working correctly")


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], DECIDES),
        ([says("Ready", "Unknown"), says("Fallback", "Unknown"), says("Paused", "False")], DECIDES),
        ([says("Ready", "True"), says("HPAActive", "True"), says("Active", "False", "ScalerNotActive")], DECIDES),
        ([TRIGGERS], ("False", "TriggerError", TRIGGERS["message"])),
        ([TRIGGERS, NO_ANSWER], ("False", "FailedGetExternalMetric", NO_ANSWER["message"])),
        ([says("Ready", "True"), NO_ANSWER], ("False", "FailedGetExternalMetric", NO_ANSWER["message"])),
        ([says("Fallback", "True", "FallbackExists", "falls back")], ("False", "FallbackExists", "falls back")),
        ([says("Fallback", "False", "NoFallbackFound", "none")], DECIDES),
        ([says("Ready", "Unknown", "PartialTriggerError", "Some triggers")], PARTLY),
        (
            [says("Ready", "Unknown", "PartialTriggerError"), NO_ANSWER],
            ("False", "FailedGetExternalMetric", NO_ANSWER["message"]),
        ),
        ([says("Paused", "True", "ScaledObjectPaused", "is paused")], ("False", "ScaledObjectPaused", "is paused")),
    ],
)
def test_what_a_scaled_object_says(conditions: list[dict[str, str]], expected: tuple[str, str, str]) -> None:
    known = world("KEDA", status=TAKEN | {"provider": "KEDA"})
    assert told(replace(known, children=(live("ScaledObject", *conditions),))) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], ("True", "ProviderDecides", "the HorizontalPodAutoscaler decides, and writes spec.replicas")),
        (
            [says("ScalingActive", "False", "FailedGetExternalMetric", "no metrics")],
            ("False", "FailedGetExternalMetric", "no metrics"),
        ),
        ([says("AbleToScale", "False", "FailedGetScale", "no scale")], ("False", "FailedGetScale", "no scale")),
        ([says("ScalingLimited", "False")], ("True", "ProviderDecides", "the HorizontalPodAutoscaler decides, and writes spec.replicas")),
    ],
)  # fmt: skip
def test_what_an_hpa_says(conditions: list[dict[str, str]], expected: tuple[str, str, str]) -> None:
    known = world(status=TAKEN)
    assert told(replace(known, children=(live("HorizontalPodAutoscaler", *conditions),))) == expected


@pytest.mark.parametrize("provider", ["HPA", "KEDA"])
def test_a_scaled_object_that_waits_for_keda(provider: str) -> None:
    """Whoever is to decide now: the one before has to go first, and its last words do not count."""
    known = world(provider, status=TAKEN | {"provider": provider})
    left = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["finalizer.keda.sh"]}
    said = told(replace(known, children=(live("ScaledObject", says("Ready", "True"), **left),)))
    words = "ScaledObject small is being deleted, and waits for whoever takes away finalizer.keda.sh"
    assert said == ("Unknown", "HandingOver", words)


def test_one_that_is_being_deleted_and_waits_for_nobody() -> None:
    known = world(status=TAKEN)
    leaving = live("ScaledObject", deletionTimestamp="2026-01-01T00:00:00Z")
    assert told(replace(known, children=(leaving,)))[2] == "ScaledObject small is being deleted"


def test_what_is_missing_and_what_is_not_handed_over_is_said_first() -> None:
    missing = told(replace(world("KEDA", status=TAKEN), capabilities=Capabilities()))
    assert missing[:2] == ("False", "KedaMissing")
    assert told(world(status=OPERATORS))[:2] == ("Unknown", "HandingOver")
