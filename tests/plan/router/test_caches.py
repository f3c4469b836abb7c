"""What routers are told of caches, the memory that their brains get, and the condition ResponseCache: each row of both tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import condition, model, owner, policy
from tests.support.simulation import Simulation
from tidegate.contract.cache import Cache, Price
from tidegate.contract.router_config import RouterConfig, load
from tidegate.names import CACHE_TIER, ROUTER_CONFIG_KEY
from tidegate.plan.plan import Plan
from tidegate.plan.router.response_cache import share_in_words
from tidegate.plan.samples import CacheReport, RouterReport

ENTRY = {"name": "r1", "role": "Active", "traffic": 100, "readyReplicas": 1, "servedNames": ["llama"], "adapters": []}
KEYS: dict[str, Any] = {"apiKeys": {"secretRefs": [{"name": "apps"}]}}
MANAGED: dict[str, Any] = {"store": {"managed": {"memory": "2Gi"}}}
EXACT = MANAGED | {"exact": {}}
SEMANTIC = EXACT | {"semantic": {"quality": {"judgedBy": {"model": "judge"}}}}
AWAY = CacheReport("shared", trouble=("the store is away: TimeoutError; answers are kept in memory",))
WRONG = CacheReport("shared", exact_only="6 of 120 answers to similar questions that were looked at were wrong")
MI = 1024 * 1024


def tier(**spec: Any) -> dict[str, Any]:
    """The CacheTier `shared`."""
    return owner(CACHE_TIER, "shared", spec)


def simulation(found: dict[str, Any] | None, auth: dict[str, Any] = KEYS, **spec: Any) -> Simulation:
    """Two routers of a policy whose route `main` has a cache and whose route `judge` has none; its second pass is over."""
    made = policy(models=("llama", "qwen"), auth=auth, **spec)
    [main] = made["spec"]["routes"]
    main |= {"to": {"backends": [{"name": "to-llama"}]}, "cache": {"cacheTierRef": {"name": "shared"}}}
    made["spec"]["routes"].append({"name": "judge", "models": ["judge"], "to": {"backends": [{"name": "to-qwen"}]}})
    world = Simulation(made)
    for name in ("llama", "qwen"):
        world.models[name] = model(name) | {"status": {"revisions": [ENTRY | {"servedNames": [name]}]}}
    world.tiers |= {"shared": found} if found else {}
    world.run()
    world.run()
    return world


def planned(found: dict[str, Any] | None, *said: CacheReport, native: bool = True, **spec: Any) -> Plan:
    """The next pass; `said` is what one of the two routers says."""
    world = simulation(found, **spec)
    for pod in ("pod-0", "pod-1"):
        world.router_pod(pod)
    newest = world.plan().status["configuration"]["hash"]
    world.reports = {
        "pod-0": RouterReport(newest, reads=5, native=native, caches=said),
        "pod-1": RouterReport(newest, reads=5, native=native),
    }
    return world.plan()


def written(plan: Plan) -> RouterConfig:
    """The document."""
    return load(next(m["data"][ROUTER_CONFIG_KEY] for m in plan.apply if m["kind"] == "ConfigMap"))


def told(found: dict[str, Any] | None, **spec: Any) -> Cache | None:
    """The cache of the route `main`."""
    config = written(planned(found, **spec))
    assert [route.cache for route in config.routes] == ["shared" if config.caches else None, None]
    return config.caches[0] if config.caches else None


def resources(plan: Plan) -> dict[str, Any]:
    """Of the brain."""
    deployment = next(m for m in plan.apply if m["kind"] == "Deployment")
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["initContainers"][0]["resources"]
    return found


def test_what_routers_are_told_of_every_layer() -> None:
    rule = {"name": "news", "match": {"headers": [{"name": "X-Class", "value": "news"}]}, "ttl": "1h"}
    endpoint = {"url": "https://e.example.com/v1/", "model": "e", "apiKeySecretRef": {"name": "e-key", "key": "token"}}
    found = told(
        tier(
            **MANAGED,
            memory={"maxEntries": 5, "maxSize": "2Mi", "ttl": "5m"},
            exact={"ttl": "24h"},
            semantic={
                "threshold": "96.5%", "guards": ["Dates"], "conversations": "SameHistory", "ttl": "2h", "maxEntries": 9,
                "embedding": {"endpoint": endpoint}, "quality": {"judgedBy": {"model": "judge"}},
            },
            sharing="Policy", ttlRules=[rule], version="3", maxTemperature="0.7", maxAnswerSize="1Ki",
        )
    )  # fmt: skip
    assert found
    assert found.memory
    assert (found.memory.max_entries, found.memory.max_bytes, found.memory.ttl_seconds) == (5, 2 * MI, 300)
    assert found.exact
    assert (found.exact.ttl_seconds, found.exact.max_bytes) == (86400, 1024 * MI), "half of the store's memory"
    semantic = found.semantic
    assert semantic
    assert (semantic.threshold, semantic.guards, semantic.conversations) == (0.965, ("Dates",), "SameHistory")
    assert (semantic.ttl_seconds, semantic.max_entries) == (7200, 9)
    assert semantic.endpoint
    assert semantic.endpoint.key
    assert (semantic.endpoint.url, semantic.endpoint.key.secret) == ("https://e.example.com/v1", "e-key")
    assert semantic.quality
    assert (semantic.quality.sample, semantic.quality.max_false_hits, semantic.quality.judge) == (0.02, 0.01, "judge")
    assert (found.sharing, found.version, found.max_temperature, found.max_answer_bytes) == ("Policy", "3", 0.7, 1024)
    assert [(each.headers, each.ttl_seconds) for each in found.ttl_rules] == [((("x-class", "news"),), 3600)]
    assert found.store
    assert found.store.address == "shared-store.shop.svc:6379"


def test_an_existing_store_gives_a_part_that_is_said() -> None:
    found = told(tier(store={"existing": {"urlSecretRef": {"name": "redis", "key": "url"}}}, exact={}))
    assert found
    assert found.exact
    assert found.exact.max_bytes == 256 * MI


def test_policies_share_a_part_of_the_store_evenly() -> None:
    found = told(tier(**EXACT) | {"status": {"policies": [{"name": "chat"}, {"name": "other"}]}})
    assert found
    assert found.exact
    assert found.exact.max_bytes == 512 * MI


def test_memory_alone_needs_no_store() -> None:
    found = told(tier(**MANAGED, memory={}))
    assert found
    assert found.store is None


def test_routers_read_the_secrets_of_their_caches() -> None:
    endpoint = {"url": "https://e/v1", "model": "e", "apiKeySecretRef": {"name": "e-key", "key": "token"}}
    plan = planned(tier(**EXACT, semantic={"embedding": {"endpoint": endpoint}}))
    role = next(m for m in plan.apply if m["kind"] == "Role")
    assert role["rules"][2]["resourceNames"] == ["apps", "shared-store", "e-key"]


@pytest.mark.parametrize(
    ("spec", "mebibytes"),
    [
        (MANAGED, 0),  # nothing is kept
        (EXACT, 32),
        (EXACT | {"memory": {"maxSize": "256Mi"}}, 32 + 320),
        (EXACT | {"semantic": {"maxEntries": 256}}, 32 + 160 + 1),
        (
            EXACT | {"semantic": {"maxEntries": 256, "embedding": {"endpoint": {"url": "http://e/v1", "model": "e"}}}},
            33,
        ),
    ],
)
def test_the_brain_gets_memory_for_what_it_keeps(spec: dict[str, Any], mebibytes: int) -> None:
    asked = {"requests": {"cpu": "1", "memory": "100Mi"}, "limits": {"memory": "1Gi"}}
    plan = planned(tier(**spec), router={"brain": {"resources": asked}})
    added = {"requests": {"cpu": "1", "memory": f"{100 + mebibytes}Mi"}, "limits": {"memory": f"{1024 + mebibytes}Mi"}}
    assert resources(plan) == (added if mebibytes else asked)


def test_routers_are_replaced_for_another_size_and_for_nothing_else() -> None:
    before = planned(tier(**EXACT, memory={"maxSize": "64Mi"}))
    again = planned(tier(**EXACT, memory={"maxSize": "64Mi", "ttl": "1m"}, version="2"))
    larger = planned(tier(**EXACT, memory={"maxSize": "65Mi"}))
    assert template(before) == template(again) != template(larger)


def test_a_tier_that_is_away_for_a_moment_replaces_no_routers() -> None:
    world = simulation(tier(**EXACT, memory={}))
    before = template(world.run())
    kept = world.tiers.pop("shared")
    gone = world.run()
    assert template(gone) == before
    assert written(gone).caches is None
    world.tiers["shared"] = kept
    assert template(world.run()) == before


def test_without_caches_the_pods_are_those_of_before() -> None:
    plain, other = Simulation(policy(auth=KEYS)), Simulation(policy(auth=KEYS))
    other.tiers["shared"] = tier(**EXACT)
    for world in (plain, other):
        world.run()
    assert template(plain.plan()) == template(other.plan())
    assert not [c for c in plain.plan().status["conditions"] if c["type"] == "ResponseCache"]


def template(plan: Plan) -> Any:
    """Of the routers' Pods."""
    return next(m for m in plan.apply if m["kind"] == "Deployment")["spec"]["template"]


SAME = {"routes": [
    {"name": "main", "models": ["chat"], "to": {"backends": [{"name": "to-llama"}]}, "cache": {"cacheTierRef": {"name": "shared"}}},
]}  # fmt: skip
JUDGED = SEMANTIC | {"semantic": {"quality": {"judgedBy": {"model": "chat"}}}}
UNKNOWN = SEMANTIC | {"semantic": {"quality": {"judgedBy": {"model": "nobody"}}}}
ROWS = [
    (planned(None), "CacheTierNotFound", "cacheTierRef: CacheTier 'shared' does not exist; create it"),
    (planned(tier(memory=7)), "CacheTierNotFound", "cannot be used; its status says why"),
    (planned(tier(**MANAGED)), "NothingKept", "write memory: {}, exact: {} or both"),
    (planned(tier(**EXACT), auth={"anonymous": {}}), "ClientsUnknown", "or sharing: Policy in the tier"),
    (planned(tier(**EXACT), native=False, auth={"anonymous": {}}), "ClientsUnknown", ""),
    (planned(tier(**EXACT, sharing="Policy"), auth={"anonymous": {}}), "AsSpecified", ""),
    (planned(tier(**EXACT), native=False), "FiltersMissing", "without native filters nobody keeps answers"),
    (planned(tier(**JUDGED)), "JudgeUnfit", "'chat' is answered by a backend whose answers it would judge"),
    (planned(tier(**UNKNOWN)), "JudgeUnfit", "the policy has no public model 'nobody'"),
    (planned(tier(**EXACT), AWAY), "LayerIdle", "router pod-0: the store is away: TimeoutError"),
    (planned(tier(**SEMANTIC), WRONG), "FalseHits", "router pod-0: 6 of 120 answers to similar questions"),
    (planned(tier(**SEMANTIC)), "AsSpecified", ""),
]


@pytest.mark.parametrize(("plan", "reason", "message"), ROWS, ids=[f"{n}-{row[1]}" for n, row in enumerate(ROWS)])
def test_each_row(plan: Plan, reason: str, message: str) -> None:
    found = condition(plan.status, "ResponseCache")
    assert (found["reason"], found["status"]) == (reason, str(reason == "AsSpecified"))
    assert message in found["message"], found["message"]
    assert condition(plan.status, "Stalled")["status"] == "False" or reason == "FiltersMissing"
    resolved = condition(plan.status, "ResolvedRefs")
    assert resolved["status"] == str(reason != "CacheTierNotFound"), resolved
    uncached = reason in ("CacheTierNotFound", "NothingKept", "ClientsUnknown")
    assert bool(written(plan).caches) != uncached
    assert condition(plan.status, "Ready")["status"] == "True" or reason == "FiltersMissing"


def test_what_is_the_matter_with_the_judge_keeps_exact_answers() -> None:
    found = told(tier(**JUDGED))
    assert found
    assert found.exact
    assert found.semantic is None


def test_a_judge_by_another_name_of_the_same_model_is_found() -> None:
    world = simulation(tier(**SEMANTIC))
    world.owner["spec"]["backends"][1]["modelDeploymentRef"]["name"] = "llama"
    [found] = written(world.plan()).caches or ()
    assert found.semantic is None


@pytest.mark.parametrize("found", [tier(**EXACT), None])
def test_routers_are_told_prices_where_something_can_be_saved(found: dict[str, Any] | None) -> None:
    world = simulation(found)
    world.owner["spec"]["backends"][0]["price"] = {"input": "0.15", "output": "0.60"}
    told = written(world.plan()).prices
    assert told == ({"to-llama": Price(input=0.15, output=0.6)} if found else None)


def test_a_provider_is_no_judge() -> None:
    world = simulation(tier(**SEMANTIC))
    external = {"protocol": "OpenAI", "baseURL": "https://api.example.com/v1", "model": "judge"}
    world.owner["spec"]["backends"][1] = {"name": "to-qwen", "external": external}
    plan = world.plan()
    [found] = written(plan).caches or ()
    assert found.semantic is None
    assert "a judge is one of the cluster's engines" in condition(plan.status, "ResponseCache")["message"]


def test_the_status_tells_what_routers_keep_together() -> None:
    one = CacheReport("shared", 100, 2 * MI, 30 * MI, 10, 20, 3, 67, judged=60, false_hits=1)
    two = CacheReport("shared", 200, MI, 31 * MI, 1, 1, 1, 1, judged=60)
    world = simulation(tier(**SEMANTIC))
    for pod in ("pod-0", "pod-1"):
        world.router_pod(pod)
    world.reports = {"pod-0": RouterReport("x", caches=(one,)), "pod-1": RouterReport("x", caches=(two,))}
    [use] = world.plan().status["caches"]
    assert use == {
        "name": "shared", "entries": 300, "size": "3Mi", "storeSize": "31Mi", "memoryHits": 11, "exactHits": 21, "semanticHits": 4,
        "misses": 68, "exactOnly": False, "falseHits": "0.8% of 120 (95 %: 0.1% to 4.6%)",
    }  # fmt: skip


def test_a_share_of_nothing_is_not_said() -> None:
    assert share_in_words(0, 0) == ""
    assert share_in_words(0, 100) == "0.0% of 100 (95 %: 0.0% to 3.7%)"
