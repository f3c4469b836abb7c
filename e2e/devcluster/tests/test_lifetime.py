"""Clusters begin and end: side by side, after crashes, and without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.devcluster import Cluster, ClusterError, launch, processes
from e2e.devcluster.settings import REPOSITORY

from .manifests import web

pytestmark = pytest.mark.cluster


def mentions(text: str) -> list[str]:
    """Command lines of living processes that name it, our own and those above us aside."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_text().replace("\0", " ")
        except OSError:
            continue
        if text in command and "pytest" not in command and processes.alive(int(path.parent.name)):
            found.append(command)
    return found


def test_two_clusters_side_by_side_and_nothing_left_after_a_crash(cluster: Cluster) -> None:
    name = f"other-{os.getpid()}"
    with Cluster.start(name, nodes=1, gpus=0) as other:
        assert len(other.api.get("/api/v1/nodes")["items"]) == 1
        assert len(cluster.api.get("/api/v1/nodes")["items"]) == 2
        other.apply([web("web")])
        other.wait(lambda: other.get("pod", "web")["status"]["phase"] == "Running", "the Pod runs")
        first = other.processes["first"]
        everything = [first, *processes.descendants(first)]
        state = str(other.settings.state)
        assert mentions(state)
        assert len(everything) > 12

        os.kill(first, signal.SIGKILL)
        processes.wait_until_ended(first)
        cluster.wait(lambda: not mentions(state), "all processes are gone")
        assert not any(map(processes.alive, everything))
        assert state not in Path("/proc/mounts").read_text()
        with pytest.raises(ClusterError, match="no cluster runs"):
            Cluster.attach(name)
    assert not Path(state).exists()
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert "nodes:" not in links
    assert "pod" not in links
    assert cluster.api.healthy()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "e2e.devcluster", *arguments]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line(cluster: Cluster) -> None:
    name = cluster.settings.name
    status = run("status", "--name", name)
    assert status.returncode == 0
    assert "kubelet-node2" in status.stdout
    inside = run("exec", "--name", name, "--", "kubectl", "get", "nodes", "-o", "name")
    assert inside.stdout.split() == ["node/node1", "node/node2"]
    assert run("exec", "--name", name, "--", "sh", "-c", "exit 4").returncode == 4
    assert "envoyproxy/envoy" in run("images", "--name", name).stdout
    missing = run("status", "--name", "nobody")
    assert missing.returncode == 1
    assert "no cluster runs" in missing.stderr
    assert run("down", "--name", "nobody").returncode == 0


def test_a_path_that_is_too_long_for_sockets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_RUN", "/tmp/" + "x" * 60)
    with pytest.raises(ClusterError, match="TIDEGATE_RUN"):
        launch.state_folder("any")
