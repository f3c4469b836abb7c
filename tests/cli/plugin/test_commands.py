"""The command line with an API server in a dictionary: exit codes, what is written, and what is said where."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fake_api import FakeApi
from tests.support.rollouts import TRIED, on_trial, promoted, taken_back
from tidegate import __version__
from tidegate.cli.plugin import access, complete, watch
from tidegate.cli.plugin.access import Cluster, Flags
from tidegate.cli.plugin.main import main, rollout
from tidegate.errors import Conflict, Unavailable
from tidegate.names import API_VERSION, MODEL_DEPLOYMENT
from tidegate.plan.plan import ObjectKey

KEY = ObjectKey(API_VERSION, MODEL_DEPLOYMENT, "shop", "qwen")
COMMANDS = [command.callback.__name__ for command in rollout.registered_commands if command.callback]
Capture = pytest.CaptureFixture[str]


class Changing(FakeApi):
    """The model is another one at each look; an error is raised instead."""

    def __init__(self, *looks: dict[str, Any] | Exception) -> None:
        super().__init__()
        self._looks: Iterator[dict[str, Any] | Exception] = iter(looks)

    async def get(self, key: ObjectKey) -> dict[str, Any] | None:
        found = next(self._looks)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the commands find this API server."""

    def use(api: FakeApi) -> FakeApi:
        @asynccontextmanager
        async def opened(flags: Flags) -> AsyncIterator[Cluster]:
            yield Cluster(api, flags.namespace or "shop")

        monkeypatch.setattr(access, "opened", opened)
        return api

    monkeypatch.setattr(watch.follow, "__defaults__", (0.0,))
    return use


def code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["rollout", *arguments])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: Capture) -> None:
    assert code(name, "--help") == 0
    text = capsys.readouterr().out
    assert f"Usage: kubectl tidegate rollout {name}" in text
    assert [flag for flag in ("-n", "--namespace", "--context", "--kubeconfig") if flag not in text] == []


def test_version(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"kubectl-tidegate {__version__}\n"


def test_promote(reach: Any, capsys: Capture) -> None:
    api = reach(FakeApi(on_trial()))
    assert code("promote", "mdep/qwen") == 0
    assert api.objects[KEY]["metadata"]["annotations"] == {"tidegate.dev/promote": f"{TRIED}/10%"}
    assert api.log == [("merge", KEY)]
    said = capsys.readouterr()
    assert said.out.startswith(f"mdep/qwen: wrote the annotation tidegate.dev/promote={TRIED}/10%\n")
    assert said.err == ""


def test_promote_all(reach: Any) -> None:
    api = reach(FakeApi(on_trial()))
    assert code("promote", "qwen", "--all") == 0
    assert api.objects[KEY]["metadata"]["annotations"] == {"tidegate.dev/promote": TRIED}


def test_pause_and_resume(reach: Any) -> None:
    api = reach(FakeApi(on_trial()))
    assert code("pause", "qwen", "-n", "shop") == 0
    assert api.objects[KEY]["spec"]["rollout"]["paused"] is True
    assert code("resume", "qwen") == 0
    assert api.objects[KEY]["spec"]["rollout"] == on_trial()["spec"]["rollout"] | {"paused": False}


def test_abort_takes_a_promotion_away(reach: Any) -> None:
    model = on_trial()
    model["metadata"]["annotations"] = {"tidegate.dev/promote": TRIED, "example.com/kept": "yes"}
    api = reach(FakeApi(model))
    assert code("abort", "qwen") == 0
    assert api.objects[KEY]["metadata"]["annotations"] == {"tidegate.dev/abort": TRIED, "example.com/kept": "yes"}


def test_retry(reach: Any) -> None:
    api = reach(FakeApi(taken_back(retry=f"{TRIED}/4")))
    assert code("retry", "qwen") == 0
    assert api.objects[KEY]["metadata"]["annotations"] == {"tidegate.dev/retry": f"{TRIED}/5"}


def test_what_cannot_be_is_said_and_nothing_is_written(reach: Any, capsys: Capture) -> None:
    api = reach(FakeApi(promoted()))
    assert code("promote", "qwen") == 2
    assert api.log == []
    assert "promoted already" in capsys.readouterr().err


@pytest.mark.parametrize("verb", COMMANDS)
def test_no_such_model(verb: str, reach: Any, capsys: Capture) -> None:
    reach(FakeApi())
    assert code(verb, "qwen", "-n", "other") == 2
    said = capsys.readouterr().err
    assert said == "there is no ModelDeployment qwen in namespace other; see: kubectl get mdep -n other\n"


def test_another_kind(reach: Any, capsys: Capture) -> None:
    reach(FakeApi())
    assert code("pause", "deploy/qwen") == 2
    assert capsys.readouterr().err.startswith("deploy/qwen: only ModelDeployments")


def test_a_model_that_was_made_anew_meanwhile(reach: Any, capsys: Capture) -> None:
    api = reach(FakeApi(on_trial()))
    api.failures["merge", KEY] = Conflict("uid mismatch")
    assert code("pause", "qwen") == 2
    assert capsys.readouterr().err == "mdep/qwen was replaced by another one meanwhile; look again\n"


def test_an_api_server_that_does_not_answer(reach: Any, capsys: Capture) -> None:
    reach(Changing(Unavailable("GET /apis: refused")))
    assert code("status", "-w", "qwen") == 2
    assert capsys.readouterr().err == "the API server does not answer: GET /apis: refused\n"


def test_status_once(reach: Any, capsys: Capture) -> None:
    reach(FakeApi(on_trial()))
    assert code("status", "qwen") == 0
    text = capsys.readouterr().out
    assert "▶ 10 % ─ 50 % ─ all" in text
    assert "kubectl tidegate rollout promote qwen " in text


@pytest.mark.parametrize("model", [on_trial(), on_trial() | {"status": {}}])
def test_status_as_json(model: dict[str, Any], reach: Any, capsys: Capture) -> None:
    reach(FakeApi(model))
    assert code("status", "qwen", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == model["status"].get("rollout")


@pytest.mark.parametrize(("last", "status"), [(promoted(), 0), (taken_back(), 1)])
def test_watching_ends_with_the_rollout(last: dict[str, Any], status: int, reach: Any, capsys: Capture) -> None:
    reach(Changing(on_trial(), on_trial(), Unavailable("gone"), on_trial(step=1, share=50), last))
    assert code("status", "-w", "qwen") == status
    said = capsys.readouterr()
    assert [line.split(":")[1].split("(")[0].strip() for line in said.out.splitlines() if line[0] != " "] == [
        f"revision {TRIED} gets 10 %",
        f"revision {TRIED} gets 10 %",
        f"revision {TRIED} is promoted" if status == 0 else f"revision {TRIED} was taken back",
    ]
    assert said.err == "the API server does not answer: gone\n"


def test_a_live_view_on_a_terminal(reach: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    reach(Changing(on_trial(), promoted()))
    assert code("status", "-w", "qwen") == 0
    assert "\x1b[?25l" in capsys.readouterr().out, "the cursor is hidden while it is live"


def test_a_model_that_is_deleted_while_it_is_watched(reach: Any, capsys: Capture) -> None:
    api = Changing(on_trial())
    reach(api)
    api._looks = iter([on_trial(), access.NoModel("there is none")])
    assert code("status", "-w", "qwen") == 2
    assert capsys.readouterr().err == "there is none\n"


CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "me", "user": {"token": "x"}}],
    "contexts": [
        {"name": "one", "context": {"cluster": "here", "user": "me", "namespace": "shop"}},
        {"name": "two", "context": {"cluster": "here", "user": "me"}},
    ],
}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that leads to a port where nobody listens."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(CONFIG))
    return file


@pytest.mark.parametrize(
    ("flags", "namespace"),
    [(Flags(), "shop"), (Flags(context="two"), "default"), (Flags(namespace="mine", context="one"), "mine")],
)
async def test_the_namespace_is_the_contexts(flags: Flags, namespace: str, kubeconfig: Path) -> None:
    named = Flags(flags.namespace, flags.context, str(kubeconfig))
    async with access.opened(named) as cluster:
        assert cluster.namespace == namespace


def test_kubeconfig_of_the_environment(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("KUBECONFIG", f"/nowhere:{kubeconfig}")
    assert code("status", "qwen") == 2
    assert capsys.readouterr().err.startswith("the API server does not answer: GET /apis/tidegate.dev/")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "there is no kubeconfig: name one with --kubeconfig or KUBECONFIG, or put it at ~/.kube/config"),
        (["--kubeconfig", "/nowhere"], "there is no kubeconfig (/nowhere): name one"),
        (["--kubeconfig", "{file}", "--context", "three"], "context three of kubeconfig {file} cannot be used: "),
        (["--kubeconfig", "{broken}"], "kubeconfig {broken} cannot be used: "),
    ],
)
def test_no_way_to_a_cluster(arguments: list[str], says: str, kubeconfig: Path, capsys: Capture) -> None:
    broken = kubeconfig.with_name("broken")
    broken.write_text("just a word")
    files = {"file": kubeconfig, "broken": broken}
    assert code("status", "qwen", *(each.format(**files) for each in arguments)) == 2
    assert capsys.readouterr().err.startswith(says.format(**files))


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ([""], ["plan", "rollout", "scale", "cache"]),
        (["rollout", "re"], ["resume", "retry"]),
        (["rollout", "promote", "--a"], ["--all"]),
    ],
)
def test_completion(words: list[str], suggested: list[str]) -> None:
    """A fresh interpreter, as kubectl starts it."""
    script = f"from tidegate.cli.plugin.complete import main; main({words!r})"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == [*suggested, complete.NO_FILES]
