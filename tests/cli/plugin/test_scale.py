"""`kubectl tidegate scale explain`: what is asked, what is shown, and what is said where there is nothing to show."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.fake_api import FakeApi
from tidegate.cli.plugin import access
from tidegate.cli.plugin.access import Cluster, Flags
from tidegate.cli.plugin.main import main
from tidegate.cli.plugin.scaling.picture import spark
from tidegate.cluster.client import NotFound, Refused
from tidegate.errors import Unavailable
from tidegate.plan.plan import ObjectKey
from tidegate.plan.scaling.account import Look, account
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.signals import Answer
from tidegate.plan.scaling.state import State

Capture = pytest.CaptureFixture[str]
SCALED = {
    "metadata": {"name": "qwen", "namespace": "shop"},
    "spec": {"autoscaling": {"maxReplicas": 4}},
    "status": {
        "autoscaling": {
            "desiredReplicas": 3,
            "limit": "Window",
            "message": "3 were needed within the last 180 s",
            "since": "2026-03-01T12:00:00+00:00",
            "signals": [{"signal": "under way", "replicas": "1.20", "message": "0.80 of 3 engines are in use"}],
        }
    },
}
LOOKS = [
    Look(
        1_800_000_000.0 + 5 * n,
        3,
        Decision(
            4 if n == 9 else 3,
            "Signal" if n == 9 else "Steady",
            "arrivals: 7 requests/s" if n == 9 else "under way: 2 of 3",
            (
                Answer("under way", 2.0 + n / 5, 2.5, "2.0 of 3 engines are in use", age=1.2),
                Answer("ttft", missing="gone"),
            ),
            State(),
        ),
    )
    for n in range(10)
]


class Server(FakeApi):
    """A model, a Lease, and the operator behind the Pods' proxy."""

    def __init__(
        self, model: dict[str, Any], said: dict[str, Any] | Exception | None = None, holder: str = "op-1"
    ) -> None:
        super().__init__()
        self.model, self.said, self.holder = model, said, holder
        self.asked: list[str] = []

    async def get(self, key: ObjectKey) -> dict[str, Any] | None:
        if key.kind != "Lease":
            return self.model
        return {"spec": {"holderIdentity": self.holder}} if key.namespace == "tidegate-system" else None

    async def request(self, method: str, url: str, *_: Any, **__: Any) -> dict[str, Any]:
        self.asked.append(f"{method} {url}")
        if isinstance(self.said, Exception):
            raise self.said
        return self.said or {}


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(server: Server, *arguments: str) -> int:
        @asynccontextmanager
        async def opened(flags: Flags) -> AsyncIterator[Cluster]:
            yield Cluster(server, flags.namespace or "shop")

        monkeypatch.setattr(access, "opened", opened)
        monkeypatch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as exit_:
            main(["scale", "explain", "qwen", *arguments])
        return int(exit_.value.code or 0)

    return run


def test_a_picture(explain: Any, capsys: Capture) -> None:
    server = Server(SCALED, account(LOOKS, 1, 1_800_000_050.0))
    assert explain(server) == 0
    assert server.asked == ["GET /api/v1/namespaces/tidegate-system/pods/op-1:8080/proxy/debug/scaling/shop/qwen"]
    shown = capsys.readouterr().out
    for words in ("3 engines, 4 wanted", "arrivals: 7 requests/s", "1 engine that should", "gone", "Steady", "█"):
        assert words in shown


def test_json(explain: Any, capsys: Capture) -> None:
    assert explain(Server(SCALED, account(LOOKS, 0, 0.0)), "-o", "json") == 0
    assert len(json.loads(capsys.readouterr().out)["looks"]) == 10


def test_a_model_that_has_just_begun(explain: Any, capsys: Capture) -> None:
    assert explain(Server(SCALED, account([], 0, 0.0))) == 0
    assert "ask again in 5 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"replicas": 2},
            "does not scale: it has no spec.autoscaling, and spec.replicas says how many engines there are (2)",
        ),
        ({"autoscaling": {"maxReplicas": 2}, "suspend": True}, "is suspended"),
    ],
)
def test_a_model_that_does_not_scale(explain: Any, capsys: Capture, spec: dict[str, Any], words: str) -> None:
    server = Server({"metadata": {"name": "qwen"}, "spec": spec})
    assert (explain(server), server.asked) == (0, [])
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused('pods "op-1" is forbidden'), "the Role tidegate-explain in namespace tidegate-system"),
        (NotFound("404"), "has not looked at it yet"),
        (Unavailable("timed out"), "does not answer: timed out"),
    ],
)
def test_the_status_stands_in(explain: Any, capsys: Capture, error: Exception, words: str) -> None:
    assert explain(Server(SCALED, error)) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "3 engines wanted, Window: 3 were needed within the last 180 s" in said
    assert "under way asked for 1.20" in said


def test_nobody_leads_there(explain: Any, capsys: Capture) -> None:
    assert explain(Server({**SCALED, "status": {}}), "--operator-namespace", "elsewhere") == 2
    said = capsys.readouterr().err
    assert "no operator leads in namespace elsewhere; say where it is with --operator-namespace" in said
    assert "has not looked at it yet" in said


def test_a_sparkline() -> None:
    assert spark([0.0, None, 2.0, 4.0], 4.0).plain == "▁·▅█"
    assert spark([0.0], 0.0).plain == "▁"
