"""Fallbacks and providers in the routes of a policy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import model, policy
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.contract.destinations import Destination, External, Proxy, SecretEntry
from tidegate.contract.routes import Target
from tidegate.plan.router.document import KNOWS_PROXIES, document
from tidegate.plan.router.traffic import Traffic, traffic

HOSTED = {"protocol": "OpenAI", "baseURL": "https://api.example.com/v1/", "model": "big"}
ENTRY = {"name": "r1", "role": "Active", "readyReplicas": 1, "servedNames": ["llama"]}


def made(to: list[dict[str, Any]], fallback: dict[str, Any], *served: str, revisions: Any = (ENTRY,)) -> Traffic:
    """Of backends `to-a`, `to-b` and the provider `hosted`; models that are `served` have these revisions."""
    manifest = policy(models=("a", "b"), auth={"anonymous": {"allowExternal": True}})
    manifest["spec"]["backends"].append({"name": "hosted", "external": HOSTED})
    manifest["spec"]["routes"] = [{"name": "main", "models": ["chat"], "to": {"backends": to}, "fallback": fallback}]
    there = {name: model(name) | {"status": {"revisions": list(revisions)}} for name in served}
    return traffic(RoutingPolicy.model_validate(manifest), there)


A, B, P = {"name": "to-a"}, {"name": "to-b"}, {"name": "hosted"}


def walk(found: Traffic) -> list[list[tuple[str, int]]]:
    [route] = found.routes
    steps = route.fallback.steps if route.fallback else ()
    return [[(t.destination, t.weight) for t in group] for group in (route.targets, *steps)]


@pytest.mark.parametrize(
    ("to", "then", "served", "wanted"),
    [
        ([A], [B, P], ("a", "b"), [[("to-a.r1", 1)], [("to-b.r1", 1)], [("hosted", 1)]]),
        ([A], [B, P], ("b",), [[("to-b.r1", 1)], [("hosted", 1)]]),
        ([A], [P], (), [[("hosted", 1)]]),
        ([A], [B], ("a",), [[("to-a.r1", 1)]]),
        ([A | {"weight": 3}, P], [B], ("a", "b"), [[("to-a.r1", 3), ("hosted", 1)], [("to-b.r1", 1)]]),
        ([A, P | {"weight": 0}], [B], ("a", "b"), [[("to-a.r1", 1)], [("to-b.r1", 1)]]),
    ],
)
def test_who_is_asked(to: Any, then: Any, served: tuple[str, ...], wanted: Any) -> None:
    found = made(to, {"backends": then}, *served)
    assert walk(found) == wanted
    assert found.serving == bool(served or P in then)


def test_a_backend_without_engines_is_asked_all_the_same() -> None:
    """Routers know within milliseconds when it has one; a pass takes longer."""
    found = made([A], {"backends": [B]}, "a", "b", revisions=[ENTRY | {"readyReplicas": 0}])
    assert walk(found) == [[("to-a.r1", 1)], [("to-b.r1", 1)]]
    assert len(found.silent) == 2


def test_a_step_with_a_rollout_is_shared_by_its_revisions_and_models_are_told_of_it() -> None:
    """A revision that is reached by a fallback alone must not be taken down under its requests."""
    canary = [ENTRY | {"traffic": 90}, ENTRY | {"name": "r2", "role": "Candidate", "traffic": 10}]
    found = made([P], {"backends": [B]}, "b", revisions=canary)
    assert walk(found)[1] == [("to-b.r1", 90), ("to-b.r2", 10)]
    assert found.sent_to == {"to-b": {"r1": 90, "r2": 10}}


def test_the_words_at_the_end() -> None:
    found = made([A], {"response": {"message": "later"}}, "a")
    assert found.routes[0].fallback
    assert found.routes[0].fallback.answer
    assert (found.routes[0].fallback.answer.status, found.routes[0].fallback.answer.message) == (503, "later")
    assert found.routes[0].targets == (Target(destination="to-a.r1", weight=1),)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://api.example.com/v1/", ("api.example.com", 443, True, "/v1")),
        ("https://api.example.com:8443", ("api.example.com", 8443, True, "")),
        ("http://[fd00::1]:8000/openai/v1", ("fd00::1", 8000, False, "/openai/v1")),
    ],
)
def test_where_a_provider_is(url: str, wanted: tuple[str, int, bool, str]) -> None:
    manifest = policy(auth={"anonymous": {"allowExternal": True}})
    key = {"apiKeySecretRef": {"name": "openai", "key": "token"}} if url.startswith("https") else {}
    manifest["spec"]["backends"][0] = {"name": "to-llama", "external": HOSTED | {"baseURL": url} | key}
    [found] = traffic(RoutingPolicy.model_validate(manifest), {}).destinations
    host, port, tls, path = wanted
    entry = SecretEntry(secret="openai", entry="token") if key else None
    assert found.external == External(host=host, port=port, tls=tls, path=path, model="big", key=entry)
    assert (found.name, found.revision, found.model) == ("to-llama", "", "")


def test_a_provider_of_anthropics_api() -> None:
    """A kind of its own, and `/v1` between its base and the rest of a path."""
    manifest = policy(auth={"anonymous": {"allowExternal": True}})
    said = {"protocol": "Anthropic", "baseURL": "https://api.anthropic.com/", "model": "big"}
    manifest["spec"]["backends"][0] = {"name": "to-llama", "external": said}
    wanted = External(host="api.anthropic.com", port=443, path="/v1", model="big")
    found = traffic(RoutingPolicy.model_validate(manifest), {})
    assert found.destinations == (Destination(name="to-llama", backend="to-llama", anthropic=wanted),)


@pytest.mark.parametrize(("also", "wanted"), [(["ContextTooLong"], True), ([], None)])
def test_who_has_a_longer_context(also: list[str], wanted: bool | None) -> None:
    [route] = made([A], {"backends": [B], "alsoOn": also}, "a", "b").routes
    assert route.fallback
    assert route.fallback.longer is wanted


def test_a_proxy() -> None:
    """Its document is for routers that know proxies."""
    manifest = policy(auth={"anonymous": {"allowExternal": True}})
    said = {"url": "http://proxy.example.com:3128", "credentialsSecretRef": {"name": "egress", "key": "login"}}
    manifest["spec"]["backends"][0] = {"name": "to-llama", "external": HOSTED | {"proxy": said}}
    parsed = RoutingPolicy.model_validate(manifest)
    found = traffic(parsed, {})
    [destination] = found.destinations
    assert destination.provider
    login = SecretEntry(secret="egress", entry="login")
    assert destination.provider.proxy == Proxy(host="proxy.example.com", port=3128, credentials=login)
    assert document(parsed, found).min_reader == KNOWS_PROXIES
    assert parsed.spec.secrets == ("egress",)


@pytest.mark.parametrize(("algorithm", "wanted"), [("EngineLoad", True), ("LeastRequest", None), ("Session", None)])
def test_who_weighs_engines(algorithm: str, wanted: bool | None) -> None:
    parsed = RoutingPolicy.model_validate(policy(loadBalancing={"algorithm": algorithm}))
    told = document(parsed, traffic(parsed, {}))
    assert (told.engine_load, told.load_balancing) == (wanted, "LeastRequest")
