"""A router in the Pods of a model: each row of the table, and what its Pods are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, model, policy
from tests.support.simulation import Simulation
from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.model.beside import PolicyUnfit, policy_of
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Manifest, Plan
from tidegate.plan.world import ModelWorld

SIDECAR = {"placement": "Sidecar"}
NAMED = {"sidecarRouter": {"routingPolicyRef": {"name": "chat"}}}
FIT = policy(router=SIDECAR)


def world(beside: Manifest | None = FIT, engine: Any = None, **spec: Any) -> ModelWorld:
    return ModelWorld(model(engine=NAMED | (engine or {}), **spec), DEFAULTS, beside=beside)


def wrong(known: ModelWorld) -> str:
    return policy_of(known, ModelDeployment.model_validate({**known.owner, "status": None}))[1]


UNFIT = [
    (None, "does not exist; create it"),
    (policy(), "name one with router: {placement: Sidecar}"),
    (policy(models=("other",), router=SIDECAR), "has no backend for this model"),
    (policy(router=SIDECAR, zzz=1), "cannot be read"),
]


@pytest.mark.parametrize(("beside", "words"), UNFIT)
def test_an_unfit_policy(beside: Manifest | None, words: str) -> None:
    """A new revision waits; one that is kept goes on."""
    assert words in wrong(world(beside))
    with pytest.raises(PolicyUnfit, match=r"chat"):
        plan_model(world(beside), NOW)
    known = running()
    plan = plan_model(replace(known, beside=beside), NOW)
    assert condition(plan, "ResolvedRefs") == ("False", "PolicyNotFound")
    assert pod(plan) == pod(plan_model(known, NOW))


def test_a_model_that_names_none_says_nothing() -> None:
    plan = plan_model(ModelWorld(model(), DEFAULTS), NOW)
    assert "ResolvedRefs" not in [c["type"] for c in plan.status["conditions"]]
    assert "initContainers" not in pod(plan)


def running() -> ModelWorld:
    """Around a model whose first revision was made."""
    simulation = Simulation(dict(world().owner))
    plan = plan_model(world(), NOW)
    simulation.carry_out(plan, "status", "apply")
    return replace(simulation.model_world(), beside=FIT)


def pod(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = next(m for m in plan.apply if m["kind"] == "Deployment")["spec"]["template"]["spec"]
    return found


def condition(plan: Plan, kind: str) -> tuple[str, str]:
    found = next(c for c in plan.status["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def test_the_pod() -> None:
    plan = plan_model(world(drain={"timeout": "60s"}, source={"servedNames": ["first", "second"]}), NOW)
    spec = pod(plan)
    brain, envoy = spec["initContainers"]
    [revision] = plan.status["revisions"]
    assert (brain["name"], envoy["name"]) == ("brain", "envoy")
    assert {brain["restartPolicy"], envoy["restartPolicy"]} == {"Always"}
    assert brain["args"][-5:] == ["--beside-engine", "--revision", revision["name"], "--served-name", "first"]
    assert brain["args"][brain["args"].index("--drain-seconds") + 1] == "50"
    assert "lifecycle" not in envoy
    hook = spec["containers"][0]["lifecycle"]["preStop"]["httpGet"]
    assert (hook["path"], hook["port"]) == ("/drain", names.BRAIN_PORT)
    assert condition(plan, "ResolvedRefs") == ("True", "AsSpecified")


def test_it_has_one_name_for_each_volume_and_port() -> None:
    spec = pod(
        plan_model(
            world(FIT | {"spec": FIT["spec"] | {"router": SIDECAR | {"tls": {"secretRef": {"name": "t"}}}}}), NOW
        )
    )
    volumes = [volume["name"] for volume in spec["volumes"]]
    assert len(volumes) == len(set(volumes))
    every = [*spec["initContainers"], *spec["containers"]]
    assert {m["name"] for c in every for m in c["volumeMounts"]} == set(volumes)
    ports = [port["name"] for c in every for port in c["ports"]]
    assert len(ports) == len(set(ports))


def test_the_engine_cannot_read_the_brains_token() -> None:
    """Processes of the Pod see each other, so that only another user keeps the engine out of the brain's files."""
    spec = pod(plan_model(world(), NOW))
    assert spec["automountServiceAccountToken"] is False
    assert [c["securityContext"]["runAsUser"] for c in spec["initContainers"]] == [65533, 65533]
    assert spec["securityContext"]["runAsUser"] == 65532
    assert "router-token" not in [m["name"] for m in spec["containers"][0]["volumeMounts"]]
    assigned = pod(plan_model(replace(world(), defaults=replace(DEFAULTS, assign_user=False)), NOW))
    assert all("runAsUser" not in c["securityContext"] for c in assigned["initContainers"])


def test_downloads_come_first_and_pull_secrets_are_joined() -> None:
    pulled = policy(router=SIDECAR | {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]})
    spec = pod(
        plan_model(
            world(
                pulled,
                engine={"imagePullSecrets": [{"name": "b"}]},
                source={"adapters": [{"name": "tone", "uri": "hf://acme/tone@v1"}]},
            ),
            NOW,
        )
    )
    assert [c["name"] for c in spec["initContainers"]][-2:] == ["brain", "envoy"]
    assert len(spec["initContainers"]) == 3
    assert spec["imagePullSecrets"] == [{"name": "b"}, {"name": "a"}]


@pytest.mark.parametrize(
    ("changed", "pending"),
    [
        (policy(router=SIDECAR | {"service": {"type": "NodePort"}}), False),
        (policy(router=SIDECAR, timeouts={"idle": "9m"}), False),
        (policy(router=SIDECAR | {"resources": {"requests": {"cpu": "1"}}}), True),
    ],
)
def test_a_change_of_the_policy_replaces_no_engine(changed: Manifest, pending: bool) -> None:
    known = running()
    plan = plan_model(replace(known, beside=changed), NOW)
    assert pod(plan) == pod(plan_model(known, NOW))
    assert condition(plan, "UpdatePending")[0] == str(pending)


def test_its_labels_lead_to_it() -> None:
    plan = plan_model(world(), NOW)
    template = next(m for m in plan.apply if m["kind"] == "Deployment")["spec"]["template"]
    assert template["metadata"]["labels"][names.POLICY_LABEL] == "chat"
    assert template["metadata"]["labels"][names.ROLE_LABEL] == "engine"


@pytest.mark.parametrize(("known", "open_to_all"), [(world(), True), (ModelWorld(model(), DEFAULTS), False)])
def test_where_engines_are_closed_the_router_is_open(known: ModelWorld, open_to_all: bool) -> None:
    closed = replace(known, defaults=replace(DEFAULTS, engine_peers=()))
    [rules] = [m["spec"]["ingress"] for m in plan_model(closed, NOW).apply if m["kind"] == "NetworkPolicy"]
    ports = [[p["port"] for p in rule["ports"]] for rule in rules if "from" not in rule]
    assert ports == ([[names.ROUTER_PORT, names.BRAIN_PORT]] if open_to_all else [])
