"""An Envoy that misses one answer has not refused less than it has."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.brain.support import CONFIG_MAP
from tidegate.brain.admin import Admin, Reading, Silent
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.envoy.start import Start

REFUSED_THRICE = Reading(routes="a", clusters="a", warming=0, refusals=3, active=0, live=True)


class Slow(Admin):
    """Answers the third time that it is asked."""

    asked = 0

    async def read(self) -> Reading:
        self.asked += 1
        if self.asked < 3:
            raise Silent("busy")
        return REFUSED_THRICE


def router(folder: Path, *, started: bool) -> Router:
    made = Router(CONFIG_MAP, Files(Start(str(folder))), Slow(folder / "admin.sock"))
    if started:
        made.started.set()
    return made


async def test_it_is_asked_until_it_answers(tmp_path: Path) -> None:
    assert await router(tmp_path, started=True)._refusals() == 3


async def test_before_it_begins_there_is_nothing_to_ask(tmp_path: Path) -> None:
    made = router(tmp_path, started=False)
    assert await made._refusals() == 0
    assert isinstance(made.admin, Slow)
    assert made.admin.asked == 0


async def test_something_newer_is_not_kept_waiting(tmp_path: Path) -> None:
    made = router(tmp_path, started=True)
    made._changed.set()
    assert await asyncio.wait_for(made._refusals(), 5) is None
