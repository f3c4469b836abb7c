"""Limits in the brain's loop: which Secrets are watched for them, when they count, and what is said of them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.brain.limits.support import SHARED, ask, configured, parsed, record, requests, tokens
from tests.brain.support import CONFIG_MAP, changed
from tidegate.brain.admin import Admin
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.contract.clients import ApiKeys
from tidegate.contract.router_config import RouterConfig, load
from tidegate.envoy.start import Start
from tidegate.names import RESERVED_HEADER


def router(folder: Path, running: RouterConfig | None = None) -> Router:
    """Of a brain that comes after one whose Envoy ran this."""
    files = Files(Start(str(folder)))
    if running:
        files.remember(running.text())
    return Router(CONFIG_MAP, files, Admin(folder / "admin.sock"))


def secret(**data: str) -> dict[str, Any]:
    """As the API server gives it."""
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


def keyed(wanted: RouterConfig, *secrets: str) -> RouterConfig:
    """The same with clients."""
    return load(
        wanted.model_copy(update={"api_keys": ApiKeys(secrets=secrets)}).model_dump_json(
            by_alias=True, exclude_none=True
        )
    )


async def test_a_stores_secret_is_watched_and_is_no_list_of_keys(tmp_path: Path) -> None:
    made = router(tmp_path)
    changed(keyed(configured(requests(1), store=SHARED), "keys"), made)
    assert made.trust.named() == {"keys", "shared-store"}
    made.trust.changed("keys", secret(acme="sk-acme"))
    made.trust.changed("shared-store", secret(password="sesame"))
    assert set(made.trust._entries) == {"keys"}
    remembered = made.files.keys()
    assert "shared-store" not in remembered
    assert made.limits._secrets.keys() == {"shared-store"}, "and keys are not kept as they are"
    made.trust.forgotten("shared-store")
    assert made.limits._secrets == {}


async def test_a_secret_that_is_named_for_a_store_later_is_known_there(tmp_path: Path) -> None:
    made, limited = router(tmp_path), configured(requests(1), store=SHARED)
    changed(configured(requests(1)), made)
    made.trust.changed("shared-store", secret(password="sesame"))
    assert made.limits._secrets == {}
    changed(keyed(limited, "keys"), made)
    assert made.limits._secrets.keys() == {"shared-store"}
    made.trust.changed("keys", secret(acme="sk-acme"))
    assert made.trust._seen.keys() == {"shared-store"}, "clients' keys are not kept as they are"


async def test_a_brain_that_comes_after_another_counts_at_once(tmp_path: Path) -> None:
    made = router(tmp_path, configured(requests(1)))
    made.decisions._answers.follow({"chat": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"}, 0)
    statuses = []
    for _ in range(2):
        reply = made.decisions.decide(ask())
        assert isinstance(reply, bytes)
        statuses.append(parsed(reply)[0])
    assert statuses == [200, 429]
    assert (await made.status())["limits"] == []


async def test_a_record_is_counted_and_settled(tmp_path: Path) -> None:
    made = router(tmp_path, configured(tokens(100)))
    made.decisions._answers.follow({"chat": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"}, 0)
    for _ in range(5):
        reply = made.decisions.decide(ask(most=60))
        assert isinstance(reply, bytes)
        status, headers, _ = parsed(reply)
        assert status == 200
        made.heard(record(headers[RESERVED_HEADER], prompt_tokens=5, completion_tokens=5))


@pytest.mark.parametrize("alone", [True, False])
async def test_what_is_said_of_a_store(tmp_path: Path, alone: bool) -> None:
    made = router(tmp_path, configured(requests(1)) if alone else configured(requests(1), store=SHARED))
    said = (await made.status())["limits"]
    assert said == (
        [] if alone else ["the store was not asked yet; meanwhile each router lets through 1/2 of each limit"]
    )
