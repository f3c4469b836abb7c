"""The document that both planes share: what is written can be read, and what is newer or broken is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.support.builders import DEFAULTS, model
from tests.support.strategies import policies
from tidegate import names
from tidegate.contract.router_config import CONFIG_VERSION, RouterConfig, UnreadableConfig, load
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import RouterWorld

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "namespace": "shop",
    "policy": "chat",
    "loadBalancing": "LeastRequest",
    "destinations": [
        {"name": "a.1", "backend": "a", "revision": "1", "service": "m-1", "port": 8000, "model": "m"},
    ],
    "routes": [{"name": "main", "models": ["chat"], "targets": [{"destination": "a.1", "weight": 1}]}],
    "retry": {"attempts": 2, "codes": [503], "reasons": ["Reset"], "backoffSeconds": 0.025},
    "timeouts": {"requestSeconds": 600.0, "idleSeconds": 0.0},
}


def text(**changes: Any) -> str:
    return json.dumps(DOCUMENT | changes)


@given(policies())
def test_what_the_operator_writes_the_routers_read(policy: dict[str, Any]) -> None:
    from tests.support.builders import NOW

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
    assert config.destinations[0].service == "m-1"
    assert config.retry.backoff_seconds == 0.025
    assert config.model_dump(by_alias=True, mode="json") == DOCUMENT


def test_equal_documents_have_equal_hashes() -> None:
    assert load(text()).hash() == load(json.dumps(dict(reversed(DOCUMENT.items())))).hash()
    assert load(text(policy="other")).hash() != load(text()).hash()
    assert len(load(text()).hash()) == 12


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("", "document: "),
        ("{", "document: "),
        ("[]", "document: "),
        (text(version=CONFIG_VERSION + 1), "version: "),
        (text(guardrails={}), "guardrails: "),
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
    assert isinstance(config, RouterConfig)
