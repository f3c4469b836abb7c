"""A router beside one engine: what the document leaves open is that engine's, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brain.support import CONFIG_MAP, changed
from tests.envoy.conftest import config
from tidegate.brain.admin import Admin
from tidegate.brain.own import HERE, Own, placed
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.contract.destinations import Destination, Engine, External
from tidegate.contract.router_config import RouterConfig, load
from tidegate.envoy.start import Start

OWN = Own("r7", "acme/small")


def document(*destinations: Destination) -> RouterConfig:
    """As it is read."""
    made = config({"chat": {d.name: 1 for d in destinations}})
    return load(made.model_copy(update={"destinations": destinations}).text())


def here(name: str, model: str = "") -> Destination:
    return Destination(name=name, backend="small", model="small", engine=Engine(service="", port=8000, model=model))


@pytest.mark.parametrize(
    ("written", "revision", "model"),
    [
        (here("small"), "r7", "acme/small"),
        (here("small.tone", "tone"), "r7", "tone"),
        (
            Destination(name="b.r1", backend="b", revision="r1", engine=Engine(service="b-r1", port=8000, model="b")),
            "r1",
            "b",
        ),
    ],
)
def test_an_engine(written: Destination, revision: str, model: str) -> None:
    [found] = placed(document(written), OWN).destinations
    assert found.engine
    assert (found.name, found.revision, found.engine.model) == (written.name, revision, model)


def test_a_provider_and_a_router_of_its_own_are_left_as_they_are() -> None:
    hosted = Destination(
        name="hosted", backend="hosted", external=External(host="api.example.com", port=443, model="m")
    )
    written = document(here("small"), hosted)
    assert placed(written, OWN).destinations[1] == hosted
    assert placed(written, None) is written


def test_the_configuration_keeps_its_name() -> None:
    """The operator asks by the hash of what it wrote, and a later brain reads what was written."""
    written = document(here("small"))
    found = placed(written, OWN)
    assert (found.hash(), found.text()) == (written.hash(), written.text())


async def test_a_brain_knows_its_engine_at_once(tmp_path: Path) -> None:
    router = Router(CONFIG_MAP, Files(Start(str(tmp_path))), Admin(tmp_path / "admin.sock"), own=OWN)
    assert router.engines == HERE
    changed(document(here("small")), router)
    assert router.engines == HERE
    assert router.config
    made = router._made(router.config)
    assert [(e.address, e.port) for e in made.endpoints["small"]] == [("127.0.0.1", 8000)]
