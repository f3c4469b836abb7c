"""Clients' keys in the brain's loop, against a real Envoy: whatever becomes of a configuration, a key that is taken away is refused."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.brain.support import CONFIG_MAP, changed, come_true, config_map, looping, slices
from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.waiting import DEADLINE
from tidegate.brain.admin import Admin
from tidegate.brain.native import built
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.contract.clients import ApiKeys
from tidegate.contract.router_config import RouterConfig

pytestmark = pytest.mark.envoy

KEYS = ApiKeys(secrets=("keys",))
GUARDED, OPEN = config({"chat": {"a": 1}}, api_keys=KEYS), config({"chat": {"a": 1}})
WIDER = config({"chat": {"a": 1}, "more": {"b": 1}}, api_keys=KEYS)
ACME, GLOBEX = "sk-acme", "sk-globex"


@pytest.fixture(autouse=True)
def _built() -> None:
    if not built():
        pytest.skip("no native filters: make native")


def secret(**keys: str) -> dict[str, Any]:
    """As the API server gives it."""
    return {"data": {name: base64.b64encode(key.encode()).decode() for name, key in keys.items()}}


def brain(envoy: RealEnvoy) -> Router:
    """Another one for the same Envoy."""
    folder = Path(envoy.start.run_dir)
    made = Router(CONFIG_MAP, Files(envoy.start), Admin(folder / "admin.sock"))
    if made.files.begun():
        made.started.set()
    return made


@asynccontextmanager
async def serving(envoy: RealEnvoy, engines: Engines, wanted: RouterConfig = GUARDED) -> AsyncIterator[Router]:
    """A brain whose Envoy runs this, with two clients."""
    engine = engines.start()
    async with looping(brain(envoy)) as router:
        changed(wanted, router)
        router.trust.changed("keys", secret(acme=ACME, globex=GLOBEX))
        found = slices("a")
        found["a"]["ports"] = [{"name": "http", "port": engine.port}]
        router.engines_changed(found)
        async with asyncio.timeout(DEADLINE):
            await router.started.wait()
        envoy._start()
        await becomes(lambda: status(envoy, ACME), 200)
        await come_true(lambda: router.current)  # Envoy answers before the brain has written down what it runs
        yield router


async def status(envoy: RealEnvoy, key: str = "") -> int:
    """Of a request with this key; 0 while nobody answers."""
    headers = {"x-api-key": key} if key else {}
    async with httpx.AsyncClient(base_url=envoy.url, headers=headers) as client:
        try:
            return (await client.post("/v1/chat/completions", json={"model": "chat"})).status_code
        except httpx.TransportError:
            return 0


async def becomes(asked: Callable[[], Awaitable[int]], wanted: int, within: float = DEADLINE) -> float:
    """Waits; returns after how many seconds it was so."""
    began = time.monotonic()
    while await asked() != wanted:
        assert time.monotonic() - began < within
    return time.monotonic() - began


async def test_a_key_taken_away_is_refused_at_once(envoy: RealEnvoy, engines: Engines) -> None:
    async with serving(envoy, engines) as router:
        hash_before = (await router.status())["config"]
        router.trust.changed("keys", secret(globex=GLOBEX))
        await becomes(lambda: status(envoy, ACME), 401)
        assert await status(envoy, GLOBEX) == 200
        said = await router.status()
        assert (said["config"], said["keys"], said["error"]) == (hash_before, [], "")
        assert router.current
        router.trust.changed("keys", None)
        await becomes(lambda: status(envoy, GLOBEX), 401)
        assert (await router.status())["keys"] == ["Secret 'keys' does not exist"]


async def test_while_a_configuration_waits_for_its_engines(
    envoy: RealEnvoy, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.brain.router.HOLD", 60.0)
    async with serving(envoy, engines) as router:
        changed(WIDER, router)
        router.trust.changed("keys", secret(globex=GLOBEX))
        await becomes(lambda: status(envoy, ACME), 401)
        assert (await router.status())["config"] == GUARDED.hash(), "it still waits"


async def test_while_envoy_refuses_a_configuration(
    envoy: RealEnvoy, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.brain.router.HOLD", 0.0)
    broken = GUARDED.model_copy(update={"timeouts": GUARDED.timeouts.model_copy(update={"request_seconds": -1.0})})
    async with serving(envoy, engines) as router:
        changed(broken, router)
        while "refused" not in (await router.status())["error"]:
            await asyncio.sleep(0.02)
        router.trust.changed("keys", secret(globex=GLOBEX))
        await becomes(lambda: status(envoy, ACME), 401)
        router.trust.changed("keys", secret(acme=ACME))
        await becomes(lambda: status(envoy, ACME), 200)
        assert "refused" in (await router.status())["error"]


async def test_the_next_brain_goes_on(envoy: RealEnvoy, engines: Engines) -> None:
    """Without the API server everything stays; a configuration that it cannot read does not keep a revoked key alive."""
    async with serving(envoy, engines) as router:
        known = router.engines or {}
    async with looping(brain(envoy)) as router:
        router.engines = router._chosen.of(known)
        router.config_changed(config_map('{"minReader": 99}'))
        await asyncio.sleep(0.2)
        assert [await status(envoy, key) for key in (ACME, GLOBEX, "")] == [200, 200, 401]
        router.trust.changed("keys", secret(globex=GLOBEX))
        await becomes(lambda: status(envoy, ACME), 401)
        assert await status(envoy, GLOBEX) == 200
        changed(GUARDED, router)
        await come_true(lambda: router.current)
        assert [await status(envoy, key) for key in (ACME, GLOBEX)] == [401, 200]


async def test_before_its_secrets_are_read_a_configuration_waits_a_moment(envoy: RealEnvoy, engines: Engines) -> None:
    named: list[frozenset[str]] = []
    async with serving(envoy, engines, OPEN) as router:
        router.watch = lambda names: named.append(frozenset(names))
        router.trust.forgotten("keys")
        changed(GUARDED, router)
        assert await becomes(lambda: status(envoy, ACME), 503) > 0.5
        assert named[-1] == {"keys"}
        assert (await router.status())["keys"] == ["Secret 'keys' was not read yet"]
        router.trust.changed("keys", secret(acme=ACME))
        await becomes(lambda: status(envoy, ACME), 200)
        assert await status(envoy, GLOBEX) == 401


async def test_nobody_waits_for_secrets_that_are_read(
    envoy: RealEnvoy, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.brain.router.READ", 60.0)
    async with serving(envoy, engines, OPEN) as router:
        changed(GUARDED, router)
        await becomes(lambda: status(envoy, ""), 401)
        assert await status(envoy, ACME) == 200


async def test_files_hold_digests_alone(envoy: RealEnvoy, engines: Engines) -> None:
    async with serving(envoy, engines):
        found = await asyncio.to_thread(files, Path(envoy.start.run_dir))
        assert {"keys.json", "rds.json", "running.json", "envoy.log"} <= found.keys()
        assert not [name for name, text in found.items() if ACME in text]


def files(folder: Path) -> dict[str, str]:
    """All that is text, by name."""
    return {path.name: path.read_text() for path in folder.rglob("*") if path.is_file() and path.suffix != ".so"}


def test_few_sentences(tmp_path: Path) -> None:
    router = Router(CONFIG_MAP, Files(RealEnvoy(tmp_path).start), Admin(tmp_path / "admin.sock"))
    changed(GUARDED, router)
    router.trust.changed("keys", secret(**{f"c{n:02}": "" for n in range(12)}))
    said = asyncio.run(router.status())["keys"]
    assert said[0] == "Secret 'keys': entry 'c00' is empty"
    assert said[-1] == "and 2 more"
