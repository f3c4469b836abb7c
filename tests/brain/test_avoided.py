"""Engines that hang get no requests, while there are others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brain.support import CONFIG_MAP, config_map, slices
from tests.envoy.conftest import config
from tidegate.brain.admin import Admin
from tidegate.brain.avoided import read, without
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.start import Start
from tidegate.names import AVOIDED_KEY

ONE, TWO, THREE = (Endpoint(f"10.0.0.{n}", 8000) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "found"),
    [("", set()), ('["10.0.0.1"]', {"10.0.0.1"}), ("{}", set()), ("[", set()), ('[1, "10.0.0.2"]', {"10.0.0.2"})],
)
def test_what_is_read(text: str, found: set[str]) -> None:
    assert read(text) == found


def test_never_the_last_of_a_service() -> None:
    engines = {"a": (ONE, TWO), "b": (THREE,), "c": ()}
    assert without(engines, {"10.0.0.1", "10.0.0.3"}) == {"a": (TWO,), "b": (THREE,), "c": ()}


def test_a_router_follows_at_once_and_forgets_again(tmp_path: Path) -> None:
    """Whichever watch speaks first; the configuration stays what it is."""
    router = Router(CONFIG_MAP, Files(Start(str(tmp_path))), Admin(tmp_path / "admin.sock"))
    document = config({"chat": {"a": 1}})

    def says(**more: str) -> None:
        told = config_map(document.text())
        told[CONFIG_MAP]["data"] |= more
        router.config_changed(told)

    says(**{AVOIDED_KEY: '["10.0.0.1"]'})
    both = slices("a", address="10.0.0.1")
    both["a"]["endpoints"].append({"addresses": ["10.0.0.2"]})
    router.engines_changed(both)
    assert router.engines == {"a": (TWO,)}
    says()
    assert router.engines == {"a": (ONE, TWO)}
    assert router.config
    assert router.config.hash() == document.hash()
