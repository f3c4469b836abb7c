"""Every object that we make is one that Kubernetes knows, and the check itself refuses what it should."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given

from tests.plan.test_golden import GOLDEN, SITUATIONS
from tests.support.builders import DEFAULTS, NOW, managed_tier, model
from tests.support.openapi import problems
from tests.support.strategies import models, policies
from tidegate.api.cachetier import ManagedStore
from tidegate.plan.cache.store import stateful_set
from tidegate.plan.model.plan import plan_model
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import Capabilities, ModelWorld, RouterWorld

EVERYTHING = Capabilities(pod_monitor=True, leader_worker_set=True)
Spoil = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_golden(situation: str) -> None:
    plan = yaml.safe_load((GOLDEN / situation / "out.yaml").read_text())
    assert [problem for manifest in plan.get("apply", []) for problem in problems(manifest)] == []


@given(models())
def test_whatever_a_model_says(manifest: dict[str, Any]) -> None:
    plan = plan_model(ModelWorld(manifest, DEFAULTS, EVERYTHING), NOW)
    assert [problem for made in plan.apply for problem in problems(made)] == []


@given(policies())
def test_whatever_a_policy_says(manifest: dict[str, Any]) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "uid": "b"}}
    plan = plan_router(RouterWorld(manifest, DEFAULTS, (account,), capabilities=EVERYTHING), NOW)
    assert [problem for made in plan.apply for problem in problems(made)] == []


def workload(count: int = 1, **parallelism: int) -> dict[str, Any]:
    """A Deployment, or a LeaderWorkerSet."""
    engine = {"gpus": {"count": count}, **({"parallelism": parallelism} if parallelism else {})}
    plan = plan_model(ModelWorld(model(engine=engine), DEFAULTS, EVERYTHING), NOW)
    [made] = [copy.deepcopy(dict(m)) for m in plan.apply if m["kind"] in ("Deployment", "LeaderWorkerSet")]
    return made


def pod(made: dict[str, Any]) -> Any:
    return made["spec"]["template"]["spec"]


def worker(made: dict[str, Any]) -> Any:
    return made["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]


TEMPLATE = "Deployment.spec.template.spec"
GROUP = "LeaderWorkerSet.spec"
DEPLOYMENTS: list[tuple[str, Spoil, str]] = [
    ("an unknown field", lambda d: pod(d).update(gpu=1), f"{TEMPLATE}.gpu: Extra inputs"),
    ("a string for a number", lambda d: d["spec"].update(replicas="1"), "Deployment.spec.replicas: Input should be"),
    ("a truth for a number", lambda d: d["spec"].update(replicas=True), "Deployment.spec.replicas: Input should be"),
    (
        "a number in an argv",
        lambda d: pod(d)["containers"][0].update(args=[1]),
        f"{TEMPLATE}.containers.0.args.0: Input",
    ),
    ("a map for a list", lambda d: pod(d).update(volumes={}), f"{TEMPLATE}.volumes: Input should be a valid list"),
    ("a field in the wrong spelling", lambda d: pod(d).update(host_network=True), f"{TEMPLATE}.hostNetwork: not as"),
    ("no selector", lambda d: d["spec"].pop("selector"), "Deployment.spec.selector: Field required"),
    ("a mount to no path", lambda d: pod(d)["containers"][0]["volumeMounts"][0].pop("mountPath"), "mountPath: Field"),
]
GROUPS: list[tuple[str, Spoil, str]] = [
    ("an unknown field", lambda d: d["spec"].update(size=2), f"{GROUP}.size: Extra inputs"),
    ("a policy that is not offered", lambda d: d["spec"].update(startupPolicy="Now"), f"{GROUP}.startupPolicy: Input"),
    ("a field of a worker", lambda d: worker(d).update(gpu=1), f"{GROUP}.leaderWorkerTemplate.workerTemplate.spec.gpu"),
    ("no workers", lambda d: d["spec"]["leaderWorkerTemplate"].pop("workerTemplate"), "workerTemplate: Field required"),
]


@pytest.mark.parametrize(("what", "spoil", "says"), DEPLOYMENTS, ids=[row[0] for row in DEPLOYMENTS])
def test_a_spoilt_deployment_is_refused(what: str, spoil: Spoil, says: str) -> None:
    made = workload()
    spoil(made)
    assert says in "\n".join(problems(made))


@pytest.mark.parametrize(("what", "spoil", "says"), GROUPS, ids=[row[0] for row in GROUPS])
def test_a_spoilt_group_is_refused(what: str, spoil: Spoil, says: str) -> None:
    made = workload(8, tensor=8, pipeline=2)
    spoil(made)
    assert says in "\n".join(problems(made))


def test_kept_templates_are_looked_into() -> None:
    plan = plan_model(ModelWorld(model(), DEFAULTS, EVERYTHING), NOW)
    [record] = [copy.deepcopy(dict(m)) for m in plan.apply if m["kind"] == "ControllerRevision"]
    assert problems(record) == []
    pod(record["data"])["gpu"] = 1
    assert problems(record) == ["DeploymentSpec.template.spec.gpu: Extra inputs are not permitted"]


def test_a_store() -> None:
    made = stateful_set(managed_tier(), ManagedStore(), DEFAULTS, "uid", None)
    assert problems(made) == []
