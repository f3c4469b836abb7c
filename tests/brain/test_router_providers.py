"""Providers in the brain's loop, against a real Envoy: their keys come, change and go, and nobody else notices."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.brain.support import CONFIG_MAP, changed, looping, slices
from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tests.envoy.waiting import DEADLINE
from tests.support.authority import Authority
from tidegate.brain.admin import Admin
from tidegate.brain.native import built
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.contract.destinations import Destination, External, SecretEntry
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, Target

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]


def secret(**entries: bytes) -> dict[str, Any]:
    return {"data": {name.replace("_", "."): base64.b64encode(value).decode() for name, value in entries.items()}}


def wanted(port: int, *more: str) -> RouterConfig:
    """The provider, and engine `a` after it; `more` are other models of that engine."""
    made = config({name: {"a": 1} for name in ("chat", *more)})
    external = External(
        host="localhost",
        port=port,
        path="/v1",
        model="big",
        key=SecretEntry(secret="openai", entry="token"),
        ca=SecretEntry(secret="ca", entry="ca.crt"),
    )
    hosted = Destination(name="hosted", backend="hosted", external=external)
    chat, *rest = made.routes
    fallback = Fallback(steps=(chat.targets,))
    first = chat.model_copy(update={"targets": (Target(destination="hosted", weight=1),), "fallback": fallback})
    return made.model_copy(update={"routes": (first, *rest), "destinations": (*made.destinations, hosted)})


@asynccontextmanager
async def serving(envoy: RealEnvoy, engine: Engine, config_: RouterConfig, **secrets: Any) -> AsyncIterator[Router]:
    """A brain whose Envoy runs this."""
    made = Router(CONFIG_MAP, Files(envoy.start), Admin(Path(envoy.start.run_dir) / "admin.sock"))
    async with looping(made) as router:
        changed(config_, router)
        for name, said in secrets.items():
            router.trust.changed(name, said)
        found = slices("a")
        found["a"]["ports"] = [{"name": "http", "port": engine.port}]
        router.engines_changed(found)
        async with asyncio.timeout(DEADLINE):
            await router.started.wait()
        envoy._start()
        yield router


async def backend(envoy: RealEnvoy) -> str:
    """Who answers; nobody while the router does not."""
    async with httpx.AsyncClient(base_url=envoy.url, timeout=5) as client:
        try:
            answer = await client.post("/v1/chat/completions", json={"model": "chat"})
        except httpx.TransportError:
            return ""
        return str(answer.headers.get("x-tidegate-backend", ""))


async def becomes(envoy: RealEnvoy, name: str) -> float:
    """Waits until it is who answers; returns after how many seconds it was."""
    begun = time.monotonic()
    while await backend(envoy) != name:
        assert time.monotonic() - begun < DEADLINE
    return time.monotonic() - begun


async def test_a_key_comes_changes_and_goes(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    engine, hosted = engines.start(), engines.start(authority.server("DNS:localhost"))
    ca = secret(ca_crt=authority.pem)
    async with serving(envoy, engine, wanted(hosted.port), openai=None, ca=ca) as router:
        await becomes(envoy, "a")
        assert (await router.status())["providers"] == ["Secret 'openai' does not exist"]
        router.trust.changed("openai", secret(token=b"sk-1"))
        await becomes(envoy, "hosted")
        assert (await router.status())["providers"] == []
        router.trust.changed("openai", secret(token=b"sk-2"))
        begun = time.monotonic()
        while hosted.headers[-1]["authorization"] != "Bearer sk-2":
            assert await backend(envoy) == "hosted", "nobody is refused meanwhile"
        assert time.monotonic() - begun < DEADLINE
        router.trust.changed("openai", secret(token=b"two words"))
        await becomes(envoy, "a")
        router.trust.changed("openai", secret(token=b"sk-3"))
        await becomes(envoy, "hosted")
        other = Authority(tmp_path / "other", "other")
        router.trust.changed("ca", secret(ca_crt=other.pem))
        await becomes(envoy, "a")  # a provider of another authority is not told anything
        router.trust.changed("ca", secret(ca_crt=b"garbage"))
        await becomes(envoy, "a")
        router.trust.changed("ca", ca)
        await becomes(envoy, "hosted")
        assert router.current
        assert (await router.status())["error"] == ""


async def test_a_brain_that_comes_later_goes_on_with_what_was_known(
    envoy: RealEnvoy, engines: Engines, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    engine, hosted = engines.start(), engines.start(authority.server("DNS:localhost"))
    secrets = {"openai": secret(token=b"sk-1"), "ca": secret(ca_crt=authority.pem)}
    async with serving(envoy, engine, wanted(hosted.port), **secrets):
        await becomes(envoy, "hosted")
    later = Router(CONFIG_MAP, Files(envoy.start), Admin(Path(envoy.start.run_dir) / "admin.sock"))
    later.started.set()
    async with looping(later) as router:
        changed(wanted(hosted.port, "more"), router)
        found = slices("a")
        found["a"]["ports"] = [{"name": "http", "port": engine.port}]
        router.engines_changed(found)
        begun = time.monotonic()
        while not router.current or time.monotonic() - begun < 1.5:
            assert await backend(envoy) == "hosted"
        router.trust.changed("openai", None)
        await becomes(envoy, "a")
