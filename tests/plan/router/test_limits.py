"""What routers are told of limits, and whether they count together: each row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import condition, existing_tier, managed_tier, model, policy
from tests.support.simulation import Simulation
from tidegate.contract.router_config import RouterConfig, load
from tidegate.names import ROUTER_CONFIG_KEY
from tidegate.plan.plan import Plan
from tidegate.plan.samples import RouterReport

ENTRY = {"name": "r1", "role": "Active", "traffic": 100, "readyReplicas": 1, "servedNames": ["llama"], "adapters": []}
KEYS: dict[str, Any] = {"apiKeys": {"secretRefs": [{"name": "apps"}]}}
LIMITS = [
    {"name": "rps", "per": "Client", "requests": 20, "window": "1m", "overrides": [{"clients": ["b"], "requests": 9}]},
    {"name": "tokens", "per": "Policy", "tokens": 40000, "window": "1h30m"},
]
SHARED: dict[str, Any] = {"storeRef": {"name": "shared"}}
AWAY = "the store at shared-store.shop.svc:6379 is away: TimeoutError; meanwhile each router lets through 1/2 of each limit"


def planned(tier: dict[str, Any] | None = None, said: dict[str, Any] | None = None, **spec: Any) -> Plan:
    """Two routers that run the newest configuration; `said` is what they say besides."""
    known = {"auth": KEYS, "limits": LIMITS} | spec
    simulation = Simulation(policy(**known))
    simulation.models["llama"] = model() | {"status": {"revisions": [ENTRY]}}
    if tier:
        simulation.tiers[tier["metadata"]["name"]] = tier
    simulation.run()
    simulation.run()
    pods = [f"pod-{n}" for n in range(known.get("router", {}).get("replicas", 2))]
    for pod in pods:
        simulation.router_pod(pod)
    for _ in range(2):
        newest = simulation.plan().status["configuration"]["hash"]
        simulation.reports = {pod: RouterReport(newest, **{"reads": 5, "native": True} | (said or {})) for pod in pods}
    return simulation.plan()


def written(plan: Plan) -> RouterConfig:
    """The document."""
    return load(next(m["data"][ROUTER_CONFIG_KEY] for m in plan.apply if m["kind"] == "ConfigMap"))


def tier(eviction: str = "") -> dict[str, Any]:
    """A managed one that says what it throws out."""
    return managed_tier() | {"status": {"evictionPolicy": eviction}}


def test_what_routers_are_told() -> None:
    found = written(planned(tier(), **SHARED, limitsUnavailable="Refuse"))
    assert found.min_reader == 5
    assert found.limits
    assert (found.limits.open, found.limits.replicas, dict(found.limits.lengths)) == (False, 2, {})
    rps, tokens = found.limits.each
    assert (rps.name, rps.per, rps.of, rps.amount, rps.window_seconds) == ("rps", "Client", "requests", 20, 60)
    assert [(o.clients, o.amount) for o in rps.overrides] == [(("b",), 9)]
    assert (tokens.of, tokens.amount, tokens.window_seconds) == ("tokens", 40000, 5400)
    assert found.limits.store
    assert (found.limits.store.address, found.limits.store.secrets) == ("shared-store.shop.svc:6379", ("shared-store",))


def test_a_store_of_theirs() -> None:
    found = written(planned(existing_tier("shared", caSecretRef={"name": "ca", "key": "ca.crt"}), **SHARED))
    assert found.limits
    store = found.limits.store
    assert store
    assert (store.address, store.secrets, store.key, store.ca_key) == ("", ("redis", "ca"), "url", "ca.crt")


def test_routers_read_the_secrets_that_they_need_each_once() -> None:
    plan = planned(tier(), **SHARED)
    role = next(m for m in plan.apply if m["kind"] == "Role")
    assert role["rules"][2]["resourceNames"] == ["apps", "shared-store"]
    assert set(plan.ask.values()) == {5.0}, "what they say of a store is asked for soon"


def test_without_limits_nothing_is_said_of_them() -> None:
    plan = planned(limits=[])
    assert written(plan).limits is None
    assert written(plan).min_reader == 3
    assert "LimitsShared" not in {c["type"] for c in plan.status["conditions"]}


@pytest.mark.parametrize(
    ("plan", "status", "reason", "message"),
    [
        (planned(router={"replicas": 1}), "True", "AsSpecified", ""),
        (
            planned(),
            "False",
            "PerReplica",
            "each of 2 routers counts alone, so that together they let through up to 2 times",
        ),
        (
            planned(**SHARED),
            "False",
            "StoreNotFound",
            "storeRef: CacheTier 'shared' does not exist; create it, or correct the name",
        ),
        (planned(tier("allkeys-lru"), **SHARED), "False", "StoreEvicts", "(allkeys-lru)"),
        (planned(tier("volatile-ttl"), **SHARED), "False", "StoreEvicts", "set its maxmemory-policy to noeviction"),
        (
            planned(tier("noeviction"), {"limits": (AWAY,)}, **SHARED),
            "False",
            "StoreUnreachable",
            f"router pod-0: {AWAY}",
        ),
        (planned(tier("noeviction"), **SHARED), "True", "AsSpecified", ""),
        (planned(tier(), **SHARED), "True", "AsSpecified", ""),
    ],
)
def test_each_row(plan: Plan, status: str, reason: str, message: str) -> None:
    found = condition(plan.status, "LimitsShared")
    assert (found["status"], found["reason"], message in found["message"]) == (status, reason, True), found
    assert condition(plan.status, "Stalled")["status"] == "False"
    assert condition(plan.status, "Ready")["status"] == "True"
    missing = reason == "StoreNotFound"
    assert condition(plan.status, "ResolvedRefs")["status"] == str(not missing)


def test_routers_that_know_keys_and_no_limits_go_on_as_they_are() -> None:
    """They would count nothing; but they let nobody in who has no key."""
    simulation = Simulation(policy(auth=KEYS))
    simulation.models["llama"] = model() | {"status": {"revisions": [ENTRY]}}
    simulation.run()
    simulation.run()
    for pod in ("pod-0", "pod-1"):
        simulation.router_pod(pod)
    before = simulation.plan().status["configuration"]["hash"]
    simulation.reports = dict.fromkeys(("pod-0", "pod-1"), RouterReport(before, reads=3, native=True))
    simulation.run()
    simulation.owner["spec"]["limits"] = LIMITS
    plan = simulation.plan()
    assert plan.status["configuration"]["hash"] == before
    stalled = condition(plan.status, "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "RoutersOutdated")
    assert "needs routers that read 5, and these read 3: they go on with the one that they have" in stalled["message"]
    assert condition(plan.status, "Ready")["status"] == "True"


def test_lengths_are_told_where_every_model_of_a_route_says_its_own() -> None:
    simulation = Simulation(policy(auth=KEYS, limits=LIMITS))
    simulation.models["llama"] = model(engine={"maxModelLen": 8192}) | {"status": {"revisions": [ENTRY]}}
    simulation.run()
    found = written(simulation.plan())
    assert found.limits
    assert set(found.limits.lengths.values()) == {8192}
