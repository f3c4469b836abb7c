"""The brain's loop against a real Envoy: what is offered runs, what is refused leaves the last good one in force."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brain.support import CONFIG_MAP, changed, come_true, config_map, looping, slices
from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.waiting import DEADLINE
from tidegate.brain.admin import Admin, Reading, parse
from tidegate.brain.native import built
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.snapshot import snapshot
from tidegate.envoy.start import Start


@asynccontextmanager
async def _running(envoy: RealEnvoy, folder: Path) -> AsyncIterator[Router]:
    async with looping(Router(CONFIG_MAP, envoy.files, Admin(folder / "admin.sock"))) as router:
        yield router


async def _until(router: Router, wanted: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE):
        while not wanted.items() <= (status := await router.status()).items():
            await asyncio.sleep(0.02)
    return status


async def _written(file: Path, text: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while text not in await asyncio.to_thread(file.read_text):
            await asyncio.sleep(0.02)


@pytest.mark.envoy
async def test_good_configurations_run_and_bad_ones_do_not(
    envoy: RealEnvoy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.brain.router.HOLD", 0.0)  # nobody has engines here
    good, better = config({"chat": {"a": 1}}), config({"chat": {"a": 1}, "more": {"b": 1}})
    async with _running(envoy, tmp_path) as router:
        changed(good, router)
        assert not router.started.is_set(), "nothing is written before the engines are known"
        router.engines_changed({})
        async with asyncio.timeout(DEADLINE):
            await router.started.wait()
        envoy._start()
        await _until(router, {"config": good.hash(), "error": "", "native": built()})

        router.config_changed(config_map('{"minReader": 99}'))
        status = await router.status()
        assert status["config"] == good.hash()
        assert "cannot be read: " in status["error"]

        doubled = better.model_copy(update={"destinations": better.destinations * 2, "routes": (better.routes[0],)})
        broken = doubled.model_copy(update={"timeouts": doubled.timeouts.model_copy(update={"request_seconds": -1.0})})
        changed(broken, router)
        refused = "Envoy refused the configuration and goes on with the last good one"
        await _until(router, {"config": good.hash(), "error": refused})
        router.engines_changed(slices("a"))
        await _written(tmp_path / "xds/eds.a.r1.json", "127.0.0.1")
        assert (await router.status())["error"] == refused, "engines change, the verdict does not"

        changed(good, router)
        await _until(router, {"config": good.hash(), "error": ""})
        changed(better, router)
        await _until(router, {"config": better.hash(), "error": ""})


class SuddenAdmin(Admin):
    """When Envoy is asked whether it took a configuration, it has, and an unreadable one arrives."""

    router: Router

    async def read(self) -> Reading:
        """What Envoy says."""
        assert self.router.config
        if not self.router.unreadable and self.router.started.is_set():
            self.router.config_changed(config_map("{"))
        await asyncio.sleep(0)
        return parse(f'http.in.rds.models.version_text: "{self.router.config.hash()}"')


async def test_an_unreadable_configuration_is_told_of_though_the_one_before_has_just_been_taken(tmp_path: Path) -> None:
    admin = SuddenAdmin(tmp_path / "admin.sock")
    admin.router = router = Router(CONFIG_MAP, Files(Start(str(tmp_path))), admin)
    changed(config({"chat": {"a": 1}}), router)
    router.engines_changed({})
    async with looping(router):
        await come_true(lambda: router._running is not None)
        assert "cannot be read: " in (await router.status())["error"]


def test_stats_are_read() -> None:
    text = (
        'http.in.rds.models.version_text: "abc"\nhttp.in.rds.models.update_rejected: 2\ncluster_manager.cds.update_failure: 1\n'
        'cluster_manager.cds.version_text: "abc+"\ncluster_manager.warming_clusters: 1\nhttp.in.downstream_rq_active: 7\nserver.state: 0\n'
    )
    reading = parse(text)
    assert reading.warming == 1
    assert (reading.routes, reading.clusters, reading.refusals, reading.active, reading.live) == (
        "abc",
        "abc+",
        3,
        7,
        True,
    )
    empty = parse("")
    assert (empty.routes, empty.refusals, empty.live) == ("", 0, False)


@pytest.mark.envoy
async def test_a_new_destination_waits_for_its_engines(
    envoy: RealEnvoy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, empty = (config({"chat": {name: 1}}) for name in "abc")
    async with _running(envoy, tmp_path) as router:
        router.engines_changed(slices("a"))
        changed(old, router)
        async with asyncio.timeout(DEADLINE):
            await router.started.wait()
        envoy._start()
        await _until(router, {"config": old.hash()})

        changed(new, router)
        await _until(router, {"config": old.hash(), "wanted": new.hash()})
        router.engines_changed(slices("a", "b"))
        await _until(router, {"config": new.hash()})

        monkeypatch.setattr("tidegate.brain.router.HOLD", 0.2)
        changed(empty, router)
        await _until(router, {"config": empty.hash(), "error": ""})


@asynccontextmanager
async def _serving(envoy: RealEnvoy, folder: Path, first: RouterConfig, *services: str) -> AsyncIterator[Router]:
    """A brain that knows that its Envoy runs a configuration."""
    async with _running(envoy, folder) as router:
        router.engines_changed(slices(*services))
        changed(first, router)
        async with asyncio.timeout(DEADLINE):
            await router.started.wait()
        envoy._start()
        await come_true(lambda: router._running is not None)
        yield router


def _destinations(folder: Path) -> set[str]:
    found = json.loads((folder / "xds/cds.json").read_text())["resources"]
    return {resource["name"] for resource in found} - {"unparsed"}


@pytest.mark.envoy
async def test_a_destination_that_no_route_names_leaves_later(
    envoy: RealEnvoy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="tidegate.brain")
    first, second, third = (config({"chat": {name: 1}}) for name in "abc")
    async with _serving(envoy, tmp_path, first, *"abc") as router:
        changed(second, router)
        await come_true(lambda: f"Envoy runs {second.hash()}" in caplog.text)
        assert _destinations(tmp_path) == {"a.r1", "b.r1"}
        router.engines_changed(slices("b", "c"))
        await come_true(lambda: "127.0.0.1" not in (tmp_path / "xds/eds.a.r1.json").read_text())

        monkeypatch.setattr("tidegate.brain.router.LINGER", 0.3)
        changed(third, router)
        await _until(router, {"config": third.hash()})
        await come_true(lambda: _destinations(tmp_path) == {"a.r1", "c.r1"})
        assert not (tmp_path / "xds/eds.b.r1.json").exists()


@pytest.mark.envoy
async def test_a_change_that_is_taken_back_at_once(envoy: RealEnvoy, tmp_path: Path) -> None:
    """Envoy may have taken it before anybody looked."""
    first, second = config({"chat": {"a": 1}}), config({"chat": {"b": 1}})
    async with _serving(envoy, tmp_path, first, "a", "b") as router:
        for _ in range(5):
            changed(second, router)
            await _written(tmp_path / "xds/rds.json", second.hash())
            changed(first, router)
            await _until(router, {"config": first.hash(), "wanted": first.hash()})
            await _written(tmp_path / "xds/rds.json", first.hash())


@pytest.mark.envoy
async def test_another_brain_goes_on_where_the_last_one_ended(envoy: RealEnvoy, tmp_path: Path) -> None:
    first, second = config({"chat": {"a": 1}}), config({"chat": {"b": 1}})
    async with _serving(envoy, tmp_path, first, "a", "b"):
        pass
    envoy.files = Files(Start(str(tmp_path)))
    async with _running(envoy, tmp_path) as router:
        router.engines_changed(slices("b"))
        changed(second, router)
        await _until(router, {"config": second.hash(), "error": ""})
        assert _destinations(tmp_path) == {"a.r1", "b.r1"}
        assert "127.0.0.1" not in (tmp_path / "xds/eds.a.r1.json").read_text(), "its engines are gone"


@pytest.mark.envoy
async def test_a_brain_that_follows_one_that_died_on_a_refused_configuration(envoy: RealEnvoy, tmp_path: Path) -> None:
    """What stands in the files then is not what Envoy runs: an Envoy that starts anew must find that again."""
    good = config({"chat": {"a": 1}})
    broken = good.model_copy(update={"timeouts": good.timeouts.model_copy(update={"request_seconds": -1.0})})
    async with _serving(envoy, tmp_path, good, "a"):
        pass
    refused = snapshot(broken, {}, envoy.start)
    envoy.files.offer(refused)
    envoy.files.switch(refused)
    envoy.files = Files(envoy.start)
    async with _running(envoy, tmp_path) as router:
        router.engines_changed(slices("a"))
        changed(broken, router)
        await come_true(lambda: bool(router.not_taken))
        await asyncio.to_thread(envoy.hang_and_restart)
        await _until(router, {"config": good.hash(), "wanted": broken.hash()})
