"""How many routers there are: each row of both tables, and the object that is made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import DEFAULTS, live, owner, policy
from tests.support.simulation import Simulation
from tidegate import names
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.router.facts import read
from tidegate.plan.router.scaling import DEFAULT_METRIC, Scaled, autoscaler, condition, scaled
from tidegate.plan.world import RouterWorld

OWN: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "mine", "namespace": "shop"},
}
BOUNDS = {"minReplicas": 2, "maxReplicas": 6}
BY_HPA = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"}


def ours(*conditions: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": "chat-router", "namespace": "shop"}
    return {"kind": "HorizontalPodAutoscaler", "metadata": metadata, "status": {"conditions": list(conditions)}}


def world(
    router: dict[str, Any] | None = None,
    there: int | None = None,
    *others: Manifest,
    managed: Any = (),
    scalers: Any = (),
) -> RouterWorld:
    made = policy(router=router or {})
    deployment = live(owner("Deployment", "chat-router", {"replicas": there}, managedFields=list(managed)))
    deployment = {**deployment, "kind": "Deployment"}
    children = (() if there is None else (deployment,)) + others
    return RouterWorld(made, DEFAULTS, children, scalers=tuple(scalers))


def found(known: RouterWorld) -> Scaled:
    return scaled(known, parsed(known), read(known))


def parsed(known: RouterWorld) -> RoutingPolicy:
    return RoutingPolicy.model_validate({**known.owner, "status": None})


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (world(there=5, scalers=[OWN]), Scaled(5, by="mine")),
        (world(there=5, scalers=[OWN], managed=[BY_HPA]), Scaled(5, written=False, by="mine")),
        (world(scalers=[OWN]), Scaled(2, by="mine")),
        (world(), Scaled(2)),
        (world({"replicas": 4}, 2), Scaled(4)),
        (world({"autoscaling": BOUNDS, "replicas": 5}, 3, ours()), Scaled(5, made=True, bound=6)),
        (world({"autoscaling": BOUNDS}), Scaled(2, made=True, bound=6)),
        (world({"autoscaling": BOUNDS, "replicas": 5}, 5), Scaled(5, made=True, bound=6)),
        (world({"autoscaling": BOUNDS}, 5), Scaled(5, handover=5, bound=6)),
        (world({"autoscaling": BOUNDS}, 9), Scaled(6, handover=6, bound=6)),
    ],
)
def test_the_table(known: RouterWorld, expected: Scaled) -> None:
    assert found(known) == expected


NO_METRICS = {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics"}


def applied(known: RouterWorld) -> RouterWorld:
    last = json.dumps({"spec": {"router": {"replicas": 3}}})
    known.owner["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": last}
    return known


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (world(), []),
        (world(there=2, scalers=[OWN]), [("True", "ProviderDecides")]),
        (world({"autoscaling": BOUNDS}, 2, scalers=[OWN]), [("False", "ScaledTwice")]),
        (world({"autoscaling": BOUNDS}, 5), [("Unknown", "HandingOver")]),
        (world({"autoscaling": BOUNDS}, 2, ours(NO_METRICS)), [("False", "FailedGetResourceMetric")]),
        (
            world({"autoscaling": BOUNDS}, 2, ours({"type": "ScalingLimited", "status": "False"})),
            [("True", "ProviderDecides")],
        ),
        (applied(world({"autoscaling": BOUNDS}, 2, ours())), [("True", "ReplicasApplied")]),
        (world({"autoscaling": BOUNDS}, 2, ours()), [("True", "ProviderDecides")]),
    ],
)
def test_what_is_said(known: RouterWorld, expected: list[tuple[str, str]]) -> None:
    said = condition(known, parsed(known), found(known))
    assert [(c["status"], c["reason"]) for c in said] == expected


def test_an_annotation_that_is_no_manifest_says_nothing() -> None:
    known = world({"autoscaling": BOUNDS}, 2, ours())
    known.owner["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{"}
    assert condition(known, parsed(known), found(known))[0]["reason"] == "ProviderDecides"


def test_the_object() -> None:
    behavior = {"scaleDown": {"selectPolicy": "Disabled"}}
    external = {"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "1"}}}
    known = world({"autoscaling": {"maxReplicas": 4, "metrics": [external], "behavior": behavior}})
    wanted = parsed(known).spec.router.autoscaling
    assert wanted
    made = autoscaler(known.owner, wanted)
    assert made["spec"] == {
        "scaleTargetRef": {"apiVersion": "tidegate.dev/v1alpha1", "kind": "RoutingPolicy", "name": "chat"},
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": [external],
        "behavior": behavior,
    }
    plain = autoscaler(known.owner, wanted.model_validate({"maxReplicas": 4}))
    assert plain["spec"]["metrics"] == [DEFAULT_METRIC]
    assert "behavior" not in plain["spec"]


def deployed(simulation: Simulation) -> int:
    [there] = [each for key, each in simulation.children.items() if key.kind == "Deployment"]
    return int(there["spec"]["replicas"])


def hpas(simulation: Simulation) -> list[ObjectKey]:
    return [key for key in simulation.children if key.kind == "HorizontalPodAutoscaler"]


def edit(simulation: Simulation, router: dict[str, Any]) -> None:
    simulation.owner = {**simulation.owner, "spec": {**simulation.owner["spec"], "router": router}}


def hand_over(simulation: Simulation) -> None:
    """A pass, and what it writes into the spec."""
    plan = simulation.run()
    if plan.handover is not None:
        edit(simulation, {**simulation.owner["spec"]["router"], "replicas": plan.handover})


@given(before=st.integers(1, 20), low=st.integers(1, 20), more=st.integers(0, 20), decided=st.integers(0, 40))
def test_whoever_begins_begins_with_what_there_is(before: int, low: int, more: int, decided: int) -> None:
    """There and back: within its bounds nothing jumps, whatever was left out with the edit."""
    bounds = {"minReplicas": low, "maxReplicas": low + more}
    simulation = Simulation(policy(router={"replicas": before}))
    for _ in range(2):
        simulation.run()
    assert deployed(simulation) == before
    edit(simulation, {"autoscaling": bounds})
    for _ in range(3):
        hand_over(simulation)
        assert deployed(simulation) == min(max(before, low), low + more)
    assert len(hpas(simulation)) == 1
    written = low + decided % (more + 1)
    edit(simulation, {"autoscaling": bounds, "replicas": written})
    simulation.run()
    assert deployed(simulation) == written
    edit(simulation, {"replicas": written})
    simulation.run()
    assert (deployed(simulation), hpas(simulation)) == (written, [])


def test_the_scale_subresource_finds_exactly_the_routers() -> None:
    simulation = Simulation(policy())
    status = simulation.run().status
    assert status["selector"] == f"{names.POLICY_LABEL}=chat,{names.ROLE_LABEL}=router"
