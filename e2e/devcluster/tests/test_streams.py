"""Logs, exec, port-forward, and what kubelet knows of a container's use."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import time
import urllib.request
from functools import partial

import pytest

from .conftest import Namespace
from .manifests import PYTHON, container, pod, service, web

pytestmark = pytest.mark.cluster


def test_logs_of_long_and_unfinished_lines(ns: Namespace) -> None:
    script = "print('x' * 50_000); print('y' * 16_384); print('end', end='')"
    long = container(["python3", "-c", script], image=PYTHON)
    errors = container(["sh", "-c", "echo wrong >&2"], name="errors")
    ns.apply(pod("prints", long, errors, restartPolicy="Never"))
    ns.until_ended("prints")
    ns.until_ended("prints", "errors")

    assert [len(line) for line in ns.logs("prints").splitlines()] == [50_000, 16_384, 3]
    assert ns.kubectl("logs", "prints", "-c", "main", "--tail=1").strip() == "end"
    assert ns.logs("prints", "errors").strip() == "wrong"


def test_exec_with_input_output_and_exit_code(ns: Namespace) -> None:
    ns.apply(pod("shell", container(env=[{"name": "WHO", "value": "me"}], workingDir="/tmp")))
    ns.until_ready("shell")
    kubectl = [ns.cluster.settings.kubectl, f"--kubeconfig={ns.cluster.kubeconfig}", "-n", ns.name]
    script = "cat; echo $WHO; pwd; echo bad >&2; exit 7"
    result = subprocess.run(
        [*kubectl, "exec", "-i", "shell", "--", "sh", "-c", script],
        input="typed\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 7, result.stderr
    assert result.stdout.split() == ["typed", "me", "/tmp"]
    assert "bad" in result.stderr


def test_exec_on_a_terminal_of_the_right_size(ns: Namespace) -> None:
    ns.apply(pod("shell"))
    ns.until_ready("shell")
    kubectl = [ns.cluster.settings.kubectl, f"--kubeconfig={ns.cluster.kubeconfig}", "-n", ns.name]
    parent, child = pty.openpty()
    os.set_blocking(parent, True)
    subprocess.run(["stty", "rows", "33", "cols", "77"], stdin=child, check=True)
    with subprocess.Popen(
        [*kubectl, "exec", "-it", "shell", "--", "sh"], stdin=child, stdout=child, stderr=child
    ) as shell:
        os.close(child)
        os.write(parent, b"sleep 0.3; tty; stty size; exit 5\n")
        seen = read_until(parent, b"33 77")
        assert b"/dev/pts/" in seen
        assert shell.wait(timeout=60) == 5
    os.close(parent)


def read_until(descriptor: int, wanted: bytes, seconds: float = 60.0) -> bytes:
    seen, deadline = b"", time.monotonic() + seconds
    while wanted not in seen:
        ready, _, _ = select.select([descriptor], [], [], deadline - time.monotonic())
        assert ready, f"{wanted!r} not seen in {seen!r}"
        seen += os.read(descriptor, 4096)
    return seen


def test_port_forward_reaches_a_server_on_the_pods_loopback(ns: Namespace) -> None:
    command = ["python3", "-m", "http.server", "8000", "--bind", "127.0.0.1"]
    ns.apply(pod("local", container(command, image=PYTHON)))
    ns.until_log("local", "Serving")
    kubectl = [ns.cluster.settings.kubectl, f"--kubeconfig={ns.cluster.kubeconfig}", "-n", ns.name]
    with subprocess.Popen(
        [*kubectl, "port-forward", "pod/local", ":8000"], stdout=subprocess.PIPE, text=True
    ) as forward:
        assert forward.stdout is not None
        port = forward.stdout.readline().split(":")[1].split()[0]
        ns.until(partial(answers, f"http://127.0.0.1:{port}"), "an answer")
        forward.terminate()


def test_a_forward_brings_a_service_outside(ns: Namespace) -> None:
    ns.apply(web("web", labels={"app": "web"}), service("web"))
    ns.until_ready("web")
    for target, port in (("web", 80), ("pod/web", 8000)):
        url = ns.cluster.forward(ns.name, target, port)
        assert url.startswith("http://127.0.0.1:")
        ns.until(partial(answers, url), f"{target} answers")


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as response:
        return bool(response.status == 200)


def test_kubelet_knows_what_a_container_uses(ns: Namespace) -> None:
    script = "data = bytearray(50 << 20)\nwhile True: sum(range(10_000))"
    ns.apply(pod("busy", container(["python3", "-c", script], image=PYTHON), nodeName="node1"))
    ns.until_ready("busy")

    def used() -> tuple[int, int]:
        summary = ns.cluster.api.get("/api/v1/nodes/node1/proxy/stats/summary")
        mine = next(each for each in summary["pods"] if each["podRef"]["namespace"] == ns.name)
        main = mine["containers"][0]
        return main["cpu"]["usageCoreNanoSeconds"], main["memory"]["workingSetBytes"]

    ns.until(lambda: used()[0] > 300_000_000 and 50 << 20 < used()[1] < 200 << 20, "CPU and memory are counted")
    assert json.loads(ns.kubectl("get", "--raw", "/api/v1/nodes/node1/proxy/stats/summary"))["node"]["memory"]


def test_logs_are_rotated(ns: Namespace) -> None:
    """Kubelet renames a log of more than 10 MiB and the runtime goes on in a new one."""
    script = "import time\nline = 'z' * 999\nfor _ in range(12_000): print(line)\nprint('half')\nfor i in range(999): print('tick', i, flush=True); time.sleep(0.2)"
    ns.apply(pod("chatty", container(["python3", "-c", script], image=PYTHON), nodeName="node1"))
    ns.until_ready("chatty")
    folder = ns.cluster.settings.node_folder(ns.cluster.settings.all_nodes[0]) / "logs"
    logs = ns.until(lambda: list(folder.glob(f"{ns.name}_chatty_*/main")), "the log's folder")[0]
    ns.until(lambda: len(list(logs.iterdir())) > 1, "the log was rotated")
    assert ns.until_log("chatty", "tick").splitlines()[-1].startswith("tick")
