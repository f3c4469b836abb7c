"""The brain's loop against a real Envoy: what is offered runs, what is refused leaves the last good one in force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.envoy.conftest import RealEnvoy, config
from tidegate.brain.admin import Admin, Reading, parse
from tidegate.brain.router import Router
from tidegate.brain.watch import Objects
from tidegate.brain.xds import Files
from tidegate.contract.router_config import RouterConfig
from tidegate.names import ROUTER_CONFIG_KEY


def _config_map(text: str) -> Objects:
    return {"front-router": {"metadata": {"name": "front-router"}, "data": {ROUTER_CONFIG_KEY: text}}}


@asynccontextmanager
async def _running(envoy: RealEnvoy, folder: Path) -> AsyncIterator[Router]:
    admin = Admin(folder / "admin.sock")
    router = Router("front-router", str(folder), envoy.files, admin)
    task = asyncio.create_task(router.run())
    try:
        yield router
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await admin.close()


async def _until(router: Router, wanted: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(15):
        while not wanted.items() <= (status := await router.status()).items():
            await asyncio.sleep(0.02)
    return status


def _changed(wanted: RouterConfig, router: Router) -> None:
    router.config_changed(_config_map(wanted.text()))


@pytest.mark.envoy
async def test_good_configurations_run_and_bad_ones_do_not(envoy: RealEnvoy, tmp_path: Path) -> None:
    good, better = config({"chat": {"a": 1}}), config({"chat": {"a": 1}, "more": {"b": 1}})
    async with _running(envoy, tmp_path) as router:
        _changed(good, router)
        assert not router.started.is_set(), "nothing is written before the engines are known"
        router.engines_changed({})
        async with asyncio.timeout(5):
            await router.started.wait()
        envoy._start()
        await _until(router, {"config": good.hash(), "error": ""})

        router.config_changed(_config_map('{"version": 99}'))
        status = await router.status()
        assert status["config"] == good.hash()
        assert "cannot be read: " in status["error"]

        doubled = better.model_copy(update={"destinations": better.destinations * 2, "routes": (better.routes[0],)})
        broken = doubled.model_copy(update={"timeouts": doubled.timeouts.model_copy(update={"request_seconds": -1.0})})
        _changed(broken, router)
        await _until(
            router,
            {"config": good.hash(), "error": "Envoy refused the configuration and goes on with the last good one"},
        )

        _changed(better, router)
        await _until(router, {"config": better.hash(), "error": ""})


class SuddenAdmin(Admin):
    """While Envoy is asked whether it took a configuration, an unreadable one arrives."""

    router: Router

    async def read(self) -> Reading:
        """Envoy has taken it."""
        assert self.router.config
        self.router.config_changed(_config_map("{"))
        return parse(f'http.in.rds.models.version_text: "{self.router.config.hash()}"')


async def test_that_envoy_took_the_last_one_does_not_hide_that_the_newest_is_unreadable(tmp_path: Path) -> None:
    admin = SuddenAdmin(tmp_path / "admin.sock")
    admin.router = router = Router("front-router", str(tmp_path), Files(tmp_path), admin)
    _changed(config({"chat": {"a": 1}}), router)
    router.engines_changed({})
    task = asyncio.create_task(router.run())
    async with asyncio.timeout(5):
        await router.started.wait()
    status = await _until(router, {"wanted": config({"chat": {"a": 1}}).hash()})
    assert "cannot be read: " in status["error"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await admin.close()


def test_stats_are_read() -> None:
    text = (
        'http.in.rds.models.version_text: "abc"\nhttp.in.rds.models.update_rejected: 2\ncluster_manager.cds.update_failure: 1\n'
        'cluster_manager.cds.version_text: "abc+"\nhttp.in.downstream_rq_active: 7\nserver.state: 0\n'
    )
    reading = parse(text)
    assert (reading.routes, reading.clusters, reading.refusals, reading.active, reading.live) == (
        "abc",
        "abc+",
        3,
        7,
        True,
    )
    empty = parse("")
    assert (empty.routes, empty.refusals, empty.live) == ("", 0, False)
