"""`kubectl tidegate plan`, with an API server in a dictionary: what it reads, and what it prints where."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.plan.model.test_trial import MODEL, ROLLOUT, Walk
from tests.support.builders import owner, policy
from tests.support.fake_api import FakeApi
from tidegate import names
from tidegate.cli.plugin import access
from tidegate.cli.plugin.access import Cluster, Flags
from tidegate.cli.plugin.main import main
from tidegate.cluster.client import NotFound, Refused
from tidegate.plan.plan import ObjectKey

Capture = pytest.CaptureFixture[str]


class Lists(FakeApi):
    """Lists what there is; of nodes what the test says."""

    def __init__(self, made: Walk) -> None:
        super().__init__()
        self.made, self.gpus, self.asked = made, "8", [""]

    async def get(self, key: ObjectKey) -> dict[str, Any] | None:
        return self.made.owner if key.name == "small" else None

    async def request(
        self, method: str, url: str, query: Mapping[str, str] | None = None, *_: Any, **__: Any
    ) -> dict[str, Any]:
        assert method == "GET", "it changes nothing"
        plural = url.rpartition("/")[2]
        self.asked.append(f"{plural} {(query or {}).get('labelSelector', '')}".strip())
        if plural == "leaderworkersets":
            raise NotFound(url)
        kinds = {"routingpolicies": self.made.policies, "pods": []}
        children = [c for c in self.made.children.values() if f"{c['kind'].lower()}s" == plural]
        return {"items": kinds.get(plural, children) or None}

    async def text(self, url: str, query: Mapping[str, str]) -> bytes:
        if not self.gpus:
            raise Refused("nodes is forbidden")
        ready = {"allocatable": {"nvidia.com/gpu": self.gpus}, "conditions": [{"type": "Ready", "status": "True"}]}
        node = {"metadata": {"name": "a"}, "status": ready}
        return orjson.dumps({"items": [node] if url.endswith("nodes") else []})


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    """A model that serves, of four engines."""
    made = Walk(owner(names.MODEL_DEPLOYMENT, "small", MODEL | {"rollout": ROLLOUT}))
    made.policies = [policy(backends=[{"name": "small", "modelDeploymentRef": {"name": "small"}}])]
    made.run()
    made.ready("Active", 4)
    made.go_on()
    api = Lists(made)

    @asynccontextmanager
    async def opened(flags: Flags) -> AsyncIterator[Cluster]:
        yield Cluster(api, flags.namespace or "shop")

    monkeypatch.setattr(access, "opened", opened)
    return api


def planned(folder: Path, name: str = "small", **spec: Any) -> int:
    """Of a file with this model; the exit code."""
    file = folder / "new.json"
    manifest = owner(names.MODEL_DEPLOYMENT, name, MODEL | {"rollout": ROLLOUT} | spec)
    manifest["metadata"] = {"name": name}
    file.write_text(json.dumps(manifest))
    with pytest.raises(SystemExit) as ended:
        main(["plan", "-f", str(file)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


OTHER: dict[str, Any] = {"engine": {"gpus": {"count": 1}, "image": "other:1"}}


def test_a_new_revision(lists: Lists, tmp_path: Path, capsys: Capture) -> None:
    assert planned(tmp_path, **OTHER) == 0
    said = capsys.readouterr().out
    assert f"takes the place of {lists.made.revision('Active')} (Canary)" in said
    assert "nodes have room for 8 engines more (8 GPUs): enough" in said
    assert "pods tidegate.dev/model=small" in lists.asked
    assert "pods tidegate.dev/policy=chat" in lists.asked


def test_who_may_not_look_at_nodes(lists: Lists, tmp_path: Path, capsys: Capture) -> None:
    lists.gpus = ""
    assert planned(tmp_path, **OTHER) == 0
    assert "whether 4 are free is not known: one may not look at nodes" in capsys.readouterr().out


def test_the_same(lists: Lists, tmp_path: Path, capsys: Capture) -> None:
    assert planned(tmp_path) == 0
    assert "no new revision" in capsys.readouterr().out


def test_a_model_that_is_not_there(lists: Lists, tmp_path: Path, capsys: Capture) -> None:
    assert planned(tmp_path, name="fresh") == 0
    assert "is the first one: 4 engines" in capsys.readouterr().out
    assert "controllerrevisions tidegate.dev/model=fresh" not in lists.asked


def test_what_is_wrong_with_it(lists: Lists, tmp_path: Path, capsys: Capture) -> None:
    assert planned(tmp_path, replicas="4") == 2
    assert "spec.replicas: must be a whole number; write 4 without quotes" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["plan", "-f", str(tmp_path / "absent.yaml")])
    assert ended.value.code == 2
