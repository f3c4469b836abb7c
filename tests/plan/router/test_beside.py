"""A policy whose routers are beside engines: its document, whose Pods, and where its Service leads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, live, model, owner, pod, policy
from tidegate import names
from tidegate.plan.plan import Manifest, Plan
from tidegate.plan.router.facts import question
from tidegate.plan.router.plan import plan_router
from tidegate.plan.samples import RouterReport, Sample
from tidegate.plan.world import Capabilities, RouterWorld

BESIDE = {"sidecarRouter": {"routingPolicyRef": {"name": "chat"}}}
POD_LABELS = {names.POLICY_LABEL: "chat", names.ROLE_LABEL: "engine", names.MODEL_LABEL: "llama"}


def llama(*revisions: tuple[str, int], engine: Any = None) -> dict[str, Any]:
    """A model whose revisions have these percents of its requests."""
    listed = [
        {"name": n, "role": "Active", "traffic": t, "servedNames": ["llama"], "readyReplicas": 1} for n, t in revisions
    ]
    return {**model(engine=BESIDE if engine is None else engine), "status": {"revisions": listed}}


def world(*children: Manifest, of: Manifest | None = None, pods: tuple[Manifest, ...] = (), **spec: Any) -> RouterWorld:
    made = policy(router={"placement": "Sidecar"}, **spec)
    models = {"llama": of} if of else {}
    return RouterWorld(made, DEFAULTS, children, pods, models)


def planned(known: RouterWorld) -> Plan:
    return plan_router(known, NOW)


def made(plan: Plan, kind: str) -> dict[str, Any]:
    return dict(next(m for m in plan.apply if m["kind"] == kind))


def service(**selector: str) -> dict[str, Any]:
    """Its Service, which leads to a revision."""
    labels = {names.POLICY_LABEL: "chat", names.ROLE_LABEL: "engine", **selector}
    known = owner("Service", "chat-router", {"selector": labels})
    return live({**known, "kind": "Service", "apiVersion": "v1"})


def test_what_is_made() -> None:
    """No Deployment, no account, no disruption budget: the Pods are the model's."""
    known = replace(world(of=llama(("r1", 100))), capabilities=Capabilities(pod_monitor=True))
    plan = planned(known)
    assert [m["kind"] for m in plan.apply] == ["Role", "RoleBinding", "ConfigMap", "Service", "PodMonitor"]
    assert not plan.again
    assert [rule["resources"] for rule in made(plan, "Role")["rules"]] == [["configmaps"]]
    assert [s["name"] for s in made(plan, "RoleBinding")["subjects"]] == ["llama-engine"]
    assert made(plan, "PodMonitor")["spec"]["selector"]["matchLabels"] == {
        names.POLICY_LABEL: "chat", names.ROLE_LABEL: "engine",
    }  # fmt: skip
    assert made(plan, "Service")["spec"]["ports"][0]["targetPort"] == names.ROUTER_PORT


@pytest.mark.parametrize(
    ("of", "pods", "accounts"),
    [
        (llama(), (), ["llama-engine"]),
        (llama(engine={}), (), []),
        (llama(engine={}), (pod("old", POD_LABELS),), ["llama-engine"]),
        (None, (), []),
    ],
)
def test_whose_account_may_read(of: Manifest | None, pods: tuple[Manifest, ...], accounts: list[str]) -> None:
    assert [s["name"] for s in made(planned(world(of=of, pods=pods)), "RoleBinding")["subjects"]] == accounts


@pytest.mark.parametrize(
    ("of", "before", "revision"),
    [
        (llama(("r1", 100)), None, "r1"),
        (llama(("r1", 0), ("r2", 100)), "r1", "r2"),
        (llama(), "r1", "r1"),
        (None, "r1", "r1"),
        (llama(), None, None),
    ],
)
def test_where_its_service_leads(of: Manifest | None, before: str | None, revision: str | None) -> None:
    there = [service(**{names.REVISION_LABEL: before})] if before else []
    selector = made(planned(world(*there, of=of)), "Service")["spec"]["selector"]
    assert selector.get(names.REVISION_LABEL) == revision


def document(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made(plan, "ConfigMap")["data"][names.ROUTER_CONFIG_KEY])
    return found


def test_the_document_knows_no_revision() -> None:
    """A switch of revisions, a model that has lost its status, or none at all: the same for every Pod."""
    known = [document(planned(world(of=of))) for of in (llama(("r1", 100)), llama(("r2", 100)), llama(), None)]
    assert all(each == known[0] for each in known)
    [destination] = known[0]["destinations"]
    assert (destination["name"], destination["engine"]["service"], destination["engine"]["model"]) == (
        "to-llama",
        "",
        "",
    )
    assert known[0]["routes"][0]["targets"] == [{"destination": "to-llama", "weight": 1}]


def test_adapters_providers_and_a_last_answer() -> None:
    spec: dict[str, Any] = {
        "auth": {"anonymous": {"allowExternal": True}},
        "backends": [
            {"name": "here", "modelDeploymentRef": {"name": "llama"}},
            {
                "name": "hosted",
                "external": {"protocol": "OpenAI", "baseURL": "https://api.example.com/v1", "model": "m"},
            },
        ],
        "routes": [
            {
                "name": "main",
                "models": ["chat"],
                "to": {"backends": [{"name": "here", "adapter": "tone"}]},
                "fallback": {"backends": [{"name": "hosted"}], "response": {"status": 503, "message": "Later."}},
            }
        ],
    }
    found = document(planned(world(of=llama(), **spec)))
    assert [(d["name"], d.get("engine", {}).get("model")) for d in found["destinations"]] == [
        ("here.tone", "tone"),
        ("hosted", None),
    ]
    assert found["routes"][0]["fallback"] == {
        "steps": [[{"destination": "hosted", "weight": 1}]], "answer": {"status": 503, "message": "Later."},
    }  # fmt: skip


def test_the_status_says_where_the_service_leads_and_not_where_it_will() -> None:
    """A model keeps its old revision until the Service has left it."""
    known = world(service(**{names.REVISION_LABEL: "r1"}), of=llama(("r1", 0), ("r2", 100)))
    plan = planned(known)
    [sent] = plan.status["configuration"]["backends"]
    assert sent["revisions"] == [{"name": "r1", "weight": 100}]
    assert plan.again, "our own write is no event"
    moved = planned(replace(known, children=(service(**{names.REVISION_LABEL: "r2"}),)))
    [sent] = moved.status["configuration"]["backends"]
    assert (sent["revisions"], moved.again) == ([{"name": "r2", "weight": 100}], False)


def test_a_model_that_does_not_name_it_waits_for_nobody() -> None:
    known = world(service(**{names.REVISION_LABEL: "r1"}), of=llama(("r1", 100), engine={}))
    assert planned(known).status["configuration"]["backends"] == []


def said(known: RouterWorld) -> tuple[str, str]:
    found = next(c for c in planned(known).status["conditions"] if c["type"] == "Ready")
    return found["reason"], found["message"]


def test_what_is_said_without_a_pod() -> None:
    assert said(world()) == ("NotNamedByModel", "ModelDeployment 'llama' does not exist; create it")
    reason, words = said(world(of=llama(engine={})))
    assert (reason, "sidecarRouter: {routingPolicyRef: {name: chat}}" in words) == ("NotNamedByModel", True)
    assert said(world(of=llama(("r1", 100))))[0] == "RoutersStarting"


def test_pods_that_answer() -> None:
    """The engines' Pods are the routers; Pods of routers with the policy's label are none of them."""
    one = pod("engine-1", POD_LABELS, podIP="10.0.0.1")
    stranger = pod("router-1", {names.POLICY_LABEL: "chat", names.ROLE_LABEL: "router"}, podIP="10.0.0.2")
    known = world(service(**{names.REVISION_LABEL: "r1"}), of=llama(("r1", 100)), pods=(one, stranger))
    wanted = planned(known).status["configuration"]["hash"]
    known = replace(known, samples={question(one): Sample(RouterReport(wanted, reads=5, native=True), 0.0)})
    status = planned(known).status
    assert (status["ready"], status["replicas"], status["configuration"]["live"]) == ("1/1", 1, 1)
    assert said(known) == ("Serving", "1 of 1 routers answer")
    assert status["selector"] == "tidegate.dev/policy=chat,tidegate.dev/role=engine"
