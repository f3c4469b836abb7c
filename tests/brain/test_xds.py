"""The order in which files are written, and that nothing is written twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.envoy.conftest import config
from tidegate.brain.admin import Admin
from tidegate.brain.router import Router
from tidegate.brain.xds import Files
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.snapshot import Snapshot, snapshot
from tidegate.envoy.start import Start

NONSENSE = [b"", b"\0" * 64, b"{", b"null", b"\xff"]
ENDS: dict[str, tuple[Endpoint, ...]] = {"a": (Endpoint("10.0.0.1", 8000),)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The run folder."""
    return tmp_path


def _made(run: Path, wanted: RouterConfig, ends: dict[str, tuple[Endpoint, ...]] = ENDS) -> Snapshot:
    return snapshot(wanted, ends, Start(str(run)))


def _clusters(run: Path) -> list[str]:
    return [resource["name"] for resource in _read(run, "cds")["resources"]]


def _read(run: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / f"xds/{name}.json").read_text())
    return found


def test_the_first_offer_is_complete_before_envoy_may_start(run: Path) -> None:
    files, wanted = Files(Start(str(run))), _made(run, config({"chat": {"a": 1}}))
    files.offer(wanted)
    files.switch(wanted)
    assert not files.begun()
    files.begin()
    assert files.begun()
    assert {path.name for path in (run / "xds").iterdir()} == {
        *("lds.json", "cds.json", "rds.json", "eds.a.r1.json", "switches.json")
    }
    assert _read(run, "rds")["version_info"] == wanted.version


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("::", {"address": "::", "port_value": 8080, "ipv4_compat": True}),
        ("0.0.0.0", {"address": "0.0.0.0", "port_value": 8080}),
        ("fd00::7", {"address": "fd00::7", "port_value": 8080}),
    ],
)
def test_envoy_listens_where_the_brain_is_told(run: Path, address: str, wanted: dict[str, Any]) -> None:
    Files(Start(str(run), address)).begin()
    [listener] = _read(run, "lds")["resources"]
    assert listener["address"]["socket_address"] == wanted


def test_envoy_listens_on_both_families_when_nothing_is_said(run: Path) -> None:
    Files(Start(str(run))).begin()
    [listener] = _read(run, "lds")["resources"]
    assert listener["address"]["socket_address"]["ipv4_compat"] is True


def _run(files: Files, wanted: Snapshot) -> None:
    """All steps."""
    files.offer(wanted)
    files.switch(wanted)
    files.settle(wanted)


def test_old_clusters_stay_until_the_new_routes_are_live(run: Path) -> None:
    files = Files(Start(str(run)))
    first, second = _made(run, config({"chat": {"a": 1}})), _made(run, config({"chat": {"b": 1}}))
    _run(files, first)
    version = files.offer(second)
    assert _clusters(run) == ["unparsed", "a.r1", "b.r1"]
    assert _read(run, "cds")["version_info"] == version
    assert _read(run, "rds")["version_info"] == first.version, "the switch comes when Envoy runs the clusters"
    files.switch(second)
    assert _read(run, "rds")["version_info"] == second.version
    assert (run / "xds/eds.a.r1.json").exists()
    files.settle(second, leaving=["a.r1"])
    assert _clusters(run) == ["unparsed", "a.r1", "b.r1"]
    assert (run / "xds/eds.a.r1.json").exists()
    files.settle(second)
    assert _clusters(run) == ["unparsed", "b.r1"]
    assert not (run / "xds/eds.a.r1.json").exists()


def test_another_brain_of_the_same_pod_keeps_what_envoy_runs(run: Path) -> None:
    first, second = _made(run, config({"chat": {"a": 1}})), _made(run, config({"chat": {"b": 1}}))
    before = Files(Start(str(run)))
    _run(before, first)
    after = Files(Start(str(run)))
    assert set(after.clusters()) == {"a.r1"}
    after.offer(second)
    assert _clusters(run) == ["unparsed", "a.r1", "b.r1"]
    after.withdraw(first)
    assert _clusters(run) == ["unparsed", "a.r1"]
    assert _read(run, "rds")["version_info"] == first.version
    assert after.offer(first) == before.offer(first), "read back, a cluster is what it was"


def test_what_was_offered_in_between_stays_too(run: Path) -> None:
    """Envoy may already run it: nobody has looked."""
    files = Files(Start(str(run)))
    first, between, last = (_made(run, config({"chat": {name: 1}})) for name in "abc")
    _run(files, first)
    files.offer(between)
    files.offer(last)
    assert _clusters(run) == ["unparsed", "a.r1", "b.r1", "c.r1"]
    files.settle(last)
    assert _clusters(run) == ["unparsed", "c.r1"]


def test_what_was_refused_does_not_stay(run: Path) -> None:
    files = Files(Start(str(run)))
    first, refused, last = (_made(run, config({"chat": {name: 1}})) for name in "abc")
    _run(files, first)
    files.offer(refused)
    files.switch(refused)
    files.withdraw(first)
    assert _read(run, "rds")["version_info"] == first.version, "an Envoy that starts anew runs the last good one"
    assert _clusters(run) == ["unparsed", "a.r1"]
    files.offer(last)
    assert _clusters(run) == ["unparsed", "a.r1", "c.r1"]


def test_what_an_earlier_brain_offered_and_envoy_refused_does_not_stay(run: Path) -> None:
    before, (first, refused) = Files(Start(str(run))), (_made(run, config({"chat": {name: 1}})) for name in "ab")
    _run(before, first)
    before.offer(refused)
    before.switch(refused)
    after = Files(Start(str(run)))
    after.offer(refused)
    after.withdraw(first)
    assert _read(run, "rds")["version_info"] == _read(run, "switches")["version_info"] == first.version
    assert _clusters(run) == ["unparsed", "a.r1"]


def test_engines_alone_touch_one_file(run: Path) -> None:
    files, wanted = Files(Start(str(run))), _made(run, config({"chat": {"a": 1}}))
    _run(files, wanted)
    before = {path: path.stat().st_ino for path in (run / "xds").iterdir()}
    files.engines({"a.r1": ()})
    changed = {path.name for path in (run / "xds").iterdir() if before[path] != path.stat().st_ino}
    assert changed == {"eds.a.r1.json"}
    assert _read(run, "eds.a.r1")["resources"][0]["endpoints"] == []


def test_the_same_again_writes_nothing(run: Path) -> None:
    files, wanted = Files(Start(str(run))), _made(run, config({"chat": {"a": 1}}))
    _run(files, wanted)
    before = {path: path.stat().st_ino for path in (run / "xds").iterdir()}
    _run(files, wanted)
    assert {path: path.stat().st_ino for path in (run / "xds").iterdir()} == before


@pytest.mark.parametrize("left", NONSENSE)
@pytest.mark.parametrize("name", ["bootstrap", "xds/lds", "xds/cds", "xds/rds", "xds/switches"])
def test_a_file_that_says_nothing_is_written_anew(run: Path, name: str, left: bytes) -> None:
    """A disk that was full, or a node without power: the brain begins as in a new Pod, before Envoy is let start."""
    before, wanted = Files(Start(str(run))), _made(run, config({"chat": {"a": 1}}))
    _run(before, wanted)
    before.begin()
    whole = {path: path.read_bytes() for path in run.rglob("*.json")}
    (run / f"{name}.json").write_bytes(left)
    after = Files(Start(str(run)))
    assert not after.begun()
    _run(after, wanted)
    after.begin()
    assert after.begun()
    assert {path: path.read_bytes() for path in run.rglob("*.json")} == whole


@pytest.mark.parametrize("left", NONSENSE)
def test_a_brain_begins_beside_anything_that_was_remembered(run: Path, left: bytes) -> None:
    for name in ("running", "keys"):
        (run / f"{name}.json").write_bytes(left)
    assert Router("front", Files(Start(str(run))), Admin(run / "admin.sock")).config is None
