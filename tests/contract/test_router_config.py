"""The document that both planes share: what is written can be read, what is newer is read past or refused, what is broken is
refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.support.builders import DEFAULTS, NOW, model
from tests.support.strategies import policies
from tidegate import names
from tidegate.contract.router_config import READS, RouterConfig, UnreadableConfig, load
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import RouterWorld

ENGINE = {
    "name": "a.1",
    "backend": "a",
    "revision": "1",
    "model": "",
    "engine": {"service": "m-1", "port": 8000, "model": "m"},
}
ORACLE = {"name": "o", "backend": "o", "oracle": {"question": 42}}
DOCUMENT: dict[str, Any] = {
    "minReader": 1,
    "namespace": "shop",
    "policy": "chat",
    "loadBalancing": "LeastRequest",
    "destinations": [ENGINE],
    "routes": [{"name": "main", "models": ["chat"], "targets": [{"destination": "a.1", "weight": 1}]}],
    "retry": {"attempts": 2, "codes": [503], "reasons": ["Reset"], "backoffSeconds": 0.025},
    "timeouts": {"requestSeconds": 600.0, "idleSeconds": 0.0, "firstTokenSeconds": 0.0},
    "streams": {"endBroken": True},
    "observation": {"logLines": 0.0, "records": 0.0, "traces": 0.0, "streamTokens": False},
}


def text(**changes: Any) -> str:
    return json.dumps(DOCUMENT | changes)


@given(policies())
def test_what_the_operator_writes_the_routers_read(policy: dict[str, Any]) -> None:
    status = {"revisions": [{"name": "1", "role": "Active", "servedNames": ["x"], "adapters": ["one"]}]}
    world = RouterWorld(policy, DEFAULTS, models={"a": model("a") | {"status": status}})
    written = next(m for m in plan_router(world, NOW).apply if m["kind"] == "ConfigMap")["data"][
        names.ROUTER_CONFIG_KEY
    ]
    config = load(written)
    assert config.text() == written
    assert load(config.text()) == config


def test_read() -> None:
    config = load(text())
    assert config.destinations[0].engine
    assert config.destinations[0].engine.service == "m-1"
    assert config.retry.backoff_seconds == 0.025
    assert config.model_dump(by_alias=True, mode="json", exclude_none=True) == DOCUMENT


def test_who_writes_and_who_reads_call_it_the_same() -> None:
    written = RouterConfig.model_validate(DOCUMENT)
    assert load(written.text()).hash() == written.hash()
    assert RouterConfig.model_validate(DOCUMENT | {"policy": "other"}).hash() != written.hash()
    assert len(written.hash()) == 12


@pytest.mark.parametrize(
    "changes",
    [
        {"guardrails": {}},
        {"retry": DOCUMENT["retry"] | {"budget": 1}},
        {"destinations": [ENGINE | {"zone": "a"}]},
        {"destinations": [ENGINE, ORACLE]},
        {"routes": [DOCUMENT["routes"][0] | {"hash": "x-user"}]},
    ],
)
def test_what_a_newer_operator_added_is_read_past(changes: dict[str, Any]) -> None:
    newer = text(**changes)
    config, plain = load(newer), load(text())
    assert (config.destinations, config.routes, config.retry) == (plain.destinations, plain.routes, plain.retry)
    assert config.text() == newer, "it is remembered as it was written"
    assert config.hash() != plain.hash()


def test_the_others_take_over_the_shares_of_an_unknown_kind() -> None:
    targets = [{"destination": "a.1", "weight": 1}, {"destination": "o", "weight": 9}]
    routes = [
        {"name": "main", "models": ["chat"], "targets": targets},
        {"name": "o", "models": ["o"], "targets": targets[1:]},
    ]
    config = load(text(destinations=[ENGINE, ORACLE], routes=routes))
    assert [[t.destination for t in route.targets] for route in config.routes] == [["a.1"], []]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("", "document: "),
        ("{", "document: "),
        ("[]", "document: "),
        (text(minReader=READS + 1), f"minReader: it needs a router that reads {READS + 1}, and this one reads {READS}"),
        (text(loadBalancing="Maglev"), "loadBalancing: "),
        (
            text(routes=[{"name": "a", "models": [], "targets": [{"destination": "x", "weight": 0}]}]),
            "routes.0.targets.0",
        ),
        (json.dumps({key: value for key, value in DOCUMENT.items() if key != "retry"}), "retry: "),
    ],
)
def test_refused(broken: str, says: str) -> None:
    with pytest.raises(UnreadableConfig, match="^" + says):
        load(broken)


def test_a_document_never_changes() -> None:
    config = load(text())
    with pytest.raises(ValueError, match="frozen"):
        config.policy = "other"  # type: ignore[misc]
