"""The command as people meet it: help, order, exit codes, and what the processes do without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tidegate import __version__
from tidegate.cli.main import app, main

ROOT = Path(__file__).resolve().parents[2]
Capture = pytest.CaptureFixture[str]
STARTED = """
import sys, uvloop
def show(coroutine):
    print(coroutine.cr_frame.f_locals)
    coroutine.close()
uvloop.run = show
from tidegate.cli.main import app
app({argv!r}, standalone_mode=False)
print(*sorted({{"rich", "pygments"}} & set(sys.modules)))
"""


def code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_people_come_first(capsys: Capture) -> None:
    assert code("--help") == 0
    text = capsys.readouterr().out
    places = [text.index(f"│ {name} ") for name in ("validate", "render", "operator", "brain")]
    assert places == sorted(places)
    assert "tidegate validate models/" in text


@pytest.mark.parametrize("name", [command.callback.__name__ for command in app.registered_commands if command.callback])
def test_every_command_explains_itself(name: str, capsys: Capture) -> None:
    assert code(name, "--help") == 0
    assert f"Usage: tidegate {name}" in capsys.readouterr().out


def test_version(capsys: Capture) -> None:
    assert code("--version") == 0
    assert capsys.readouterr().out == f"tidegate {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["render", "x.yaml", "--with", "Ingress"], "'Ingress' is not one of 'PodMonitor', 'LeaderWorkerSet'"),
        (["operator", "--log-format", "xml"], "'xml' is not one of 'text', 'json'"),
        (["brain", "--namespace", "x"], "Missing option '--config-map'"),
    ],
)
def test_wrong_arguments(arguments: list[str], says: str, capsys: Capture) -> None:
    assert code(*arguments) == 2
    words = capsys.readouterr().err.replace("│", " ").split()
    assert says in " ".join(words)


def test_wrong_settings_end_the_operator_before_it_begins(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("TIDEGATE_WORKERS", "many")
    assert code("operator") == 2
    assert capsys.readouterr().err == "TIDEGATE_WORKERS='many': must be a whole number from 1 to 100\n"


@pytest.mark.parametrize(
    ("argv", "given"),
    [
        (["operator", "--log-format", "json"], "log_format='json'"),
        (
            [
                "brain",
                "--namespace=a",
                "--config-map=b",
                "--run-dir=/c",
                "--drain-key=d",
                "--drain-seconds=5",
                "--memory=6",
                "--collector=http://c:1/d/",
            ],
            "Post(namespace='a', config_map='b', port=9092, drain_seconds=5.0, drain_key='d', envoy=Start(run_dir='/c', "
            "address='::', port=8080, probe_port=8081, memory=6, "
            "collector=Collector(host='c', port=1, path='/d', service_name='b.a')",
        ),
    ],
)
def test_processes_get_their_arguments_and_start_without_rich(argv: list[str], given: str) -> None:
    """A fresh interpreter, up to the moment in which the loop would begin."""
    script = [sys.executable, "-c", STARTED.format(argv=argv)]
    answer = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    call, loaded = answer.stdout.splitlines()
    assert given in call
    assert loaded == ""
