"""Changes that come in the very moment in which Envoy takes or refuses the one before: an Envoy that is told what to say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brain.support import CONFIG_MAP, changed, come_true, looping, slices
from tests.envoy.conftest import config
from tidegate.brain.admin import Admin, Reading, parse
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.envoy.start import Start

GOOD, BETTER, BROKEN = config({"chat": {"a": 1}}), config({"chat": {"b": 1}}), config({"chat": {"a": 1, "c": 1}})


class ToldEnvoy(Admin):
    """Takes what is in the files at once, but for clusters of BROKEN. `meanwhile` happens once, while Envoy takes the routes
    of GOOD or BETTER: the reading that is under way does not see them yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "admin.sock")
        self._xds = folder / "xds"
        self._runs = self._last_clusters = ""
        self._refused: set[str] = set()
        self.meanwhile: Callable[[], None] | None = None

    async def read(self) -> Reading:
        """What Envoy says."""
        await asyncio.sleep(0)
        clusters, routes = self._file("cds"), self._file("rds")
        before, self._runs = self._runs, routes["version_info"]
        if before != self._runs and (then := self.meanwhile):
            self.meanwhile = None
            then()
            return self._reading(before)
        if any(cluster["name"] == "c.r1" for cluster in clusters["resources"]):
            self._refused.add(clusters["version_info"])
        else:
            self._last_clusters = clusters["version_info"]
        return self._reading(self._runs)

    def _file(self, name: str) -> dict[str, Any]:
        path = self._xds / f"{name}.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"version_info": "", "resources": []}
        return found

    def _reading(self, routes: str) -> Reading:
        return parse(
            f'http.in.rds.models.version_text: "{routes}"\n'
            f'cluster_manager.cds.version_text: "{self._last_clusters}"\n'
            f"cluster_manager.cds.update_rejected: {len(self._refused)}"
        )


@asynccontextmanager
async def _brain(folder: Path) -> AsyncIterator[tuple[Router, ToldEnvoy]]:
    """A new one, beside an Envoy that has run for as long as there are files."""
    admin = ToldEnvoy(folder)
    router = Router(CONFIG_MAP, Files(Start(str(folder))), admin)
    if router.files.begun():
        router.started.set()
    async with looping(router):
        yield router, admin


def _text(folder: Path, name: str) -> str:
    path = folder / "xds" / f"{name}.json"
    return path.read_text() if path.exists() else ""


async def test_what_envoy_took_while_something_broken_came_is_the_last_good_one(tmp_path: Path) -> None:
    async with _brain(tmp_path) as (router, admin):
        admin.meanwhile = lambda: changed(BROKEN, router)
        router.engines_changed({})
        changed(GOOD, router)
        await come_true(lambda: "refused" in router.not_taken)
        assert GOOD.hash() in _text(tmp_path, "rds")
        assert "c.r1" not in _text(tmp_path, "cds"), "an Envoy that starts anew would refuse it too"
        router.engines_changed(slices("a", "c"))
        await come_true(lambda: "127.0.0.1" in _text(tmp_path, "eds.a.r1"))


async def test_a_brain_that_starts_while_envoy_refuses_keeps_the_engines_of_the_last_good_one_current(
    tmp_path: Path,
) -> None:
    async with _brain(tmp_path) as (router, _):
        router.engines_changed(slices("a", "c"))
        changed(GOOD, router)
        await come_true(lambda: router._running is not None)
        changed(BROKEN, router)
        await come_true(lambda: "refused" in router.not_taken)
    async with _brain(tmp_path) as (router, _):
        router.engines_changed(slices("a", "c", address="127.0.0.2"))
        changed(BROKEN, router)
        await come_true(lambda: "127.0.0.2" in _text(tmp_path, "eds.a.r1"))
        await come_true(lambda: "refused" in router.not_taken)
        router.engines_changed(slices("a", "c", address="127.0.0.3"))
        await come_true(lambda: "127.0.0.3" in _text(tmp_path, "eds.a.r1"))


async def test_what_was_under_way_when_a_refused_one_came_back_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _brain(tmp_path) as (router, _):
        router.engines_changed(slices("a", "b", "c"))
        changed(GOOD, router)
        await come_true(lambda: router._running is not None)
        changed(BROKEN, router)
        await come_true(lambda: "refused" in router.not_taken)
        monkeypatch.setattr(router.files, "switch", lambda _: changed(BROKEN, router))
        changed(BETTER, router)
        await come_true(
            lambda: router.config is not None and router.config.hash() == BROKEN.hash() and not router._offer
        )
        assert "b.r1" not in _text(tmp_path, "cds")
        assert "refused" in router.not_taken
        assert (await router.status())["config"] == GOOD.hash()
