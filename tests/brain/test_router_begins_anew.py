"""A brain that follows another in the same Pod, before the API server has said anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brain.decide.test_step import asking
from tests.brain.records.test_meters import WHO, named, told
from tests.brain.records.test_outcome import GOOD
from tests.brain.support import CONFIG_MAP, changed, come_true, looping, slices
from tests.envoy.test_fallback import chain
from tidegate.brain.admin import Admin
from tidegate.brain.decide.step import Ask
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.start import Start


def follower(folder: Path, running: RouterConfig) -> Router:
    """Of a brain whose Envoy ran this."""
    Files(Start(str(folder))).remember(running.text())
    return Router(CONFIG_MAP, Files(Start(str(folder))), Admin(folder / "admin.sock"))


async def test_it_decides_as_if_no_engine_were_known(tmp_path: Path) -> None:
    decided = follower(tmp_path, asking("to-large", "to-chat")).decisions.decide(Ask("auto", b""))
    assert isinstance(decided, bytes)
    assert b"x-tidegate-in-route: to-large" in decided


async def test_it_knows_who_is_counted(tmp_path: Path) -> None:
    meters = follower(tmp_path, named("a")).meters
    meters.count(GOOD)
    assert told(meters, "tidegate_requests_total", WHO, outcome="ok") == 1


@pytest.mark.parametrize("broken", ["", "{", '{"minReader": 99}'])
async def test_what_it_cannot_read_does_not_hold_it_up(tmp_path: Path, broken: str) -> None:
    Files(Start(str(tmp_path))).remember(broken)
    router = Router(CONFIG_MAP, Files(Start(str(tmp_path))), Admin(tmp_path / "admin.sock"))
    decided = router.decisions.decide(Ask("auto", b""))
    assert isinstance(decided, bytes)
    assert decided.startswith(b"HTTP/1.1 503 ")


async def test_who_has_no_engine_is_still_no_end_of_a_walk(tmp_path: Path) -> None:
    """Before Envoy has said anything of a new configuration, and when it refuses it."""
    running = chain({"a": 1}, "b")
    router = follower(tmp_path, running)
    router.started.set()
    async with looping(router):
        changed(running, router)
        router.engines_changed(slices("b"))
        file = tmp_path / "xds" / "eds.a.r1.json"
        await come_true(file.exists)
        assert "nobody.sock" in file.read_text()
