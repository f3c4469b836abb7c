"""Parts that are killed come back, and what ran goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from e2e.devcluster import ClusterError, processes

from .conftest import Namespace, is_ready
from .manifests import PYTHON, container, pod, service, web

pytestmark = pytest.mark.cluster

FETCH = """
import sys, time, urllib.request
while True:
    try:
        print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
    except OSError as error:
        print(error)
    time.sleep(0.2)
"""
"""Until it is answered: kubelet waits longer and longer with a program that ends."""
COUNT = "import itertools, time\nfor i in itertools.count(): print('tick', i, flush=True); time.sleep(0.1)"


def kill(ns: Namespace, part: str) -> None:
    """SIGKILL it, and wait until there is another one."""
    pid = ns.cluster.processes[part]
    os.kill(pid, signal.SIGKILL)
    ns.until(lambda: ns.cluster.processes.get(part, pid) != pid, f"{part} is back")


def last_tick(log: str) -> int:
    return int(log.rsplit(maxsplit=1)[-1])


def test_pods_survive_the_end_of_their_runtime(ns: Namespace) -> None:
    ns.apply(
        pod("counts", container(["python3", "-c", COUNT], image=PYTHON), nodeName="node1"),
        pod("ends", container(["sh", "-c", "trap 'exit 9' USR1; echo up; while sleep 0.05; do :; done"]), nodeName="node1", restartPolicy="Never"),
    )  # fmt: skip
    ns.until_log("counts", "tick 1")
    ns.until_log("ends", "up")
    kill(ns, "runtime-node1")

    before = last_tick(ns.until_log("counts", "tick"))
    ns.until(lambda: last_tick(ns.logs("counts")) > before + 3, "the log goes on")
    assert ns.restarts("counts") == 0
    assert ns.until(lambda: ns.kubectl("exec", "counts", "--", "echo", "here"), "exec works").strip() == "here"
    ns.kubectl("exec", "ends", "--", "kill", "-USR1", "1")
    assert ns.until_ended("ends")["exitCode"] == 9, "the new runtime learns how an old container ends"
    ns.delete("counts")
    ns.until_gone("counts")


def test_a_container_ends_with_its_shim(ns: Namespace) -> None:
    ns.apply(pod("orphan", container(["sleep", "987"]), nodeName="node2"))
    ns.until_ready("orphan")
    first = ns.cluster.processes["first"]
    shims = [
        pid for pid in processes.descendants(first) if command(pid)[:1] == [str(ns.cluster.settings.commands / "shim")]
    ]
    mine = next(pid for pid in shims if ["sleep", "987"] in map(command, processes.descendants(pid)))
    os.kill(mine, signal.SIGKILL)
    ns.until(lambda: ns.restarts("orphan") == 1, "kubelet starts it again")
    assert ns.container("orphan")["lastState"]["terminated"]["exitCode"] == 137


def command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


@pytest.mark.parametrize(
    "part", ["etcd", "kube-apiserver", "kubelet-node1", "kube-proxy", "dns", "gpus-node1", "storage"]
)
def test_a_part_that_is_killed_comes_back(ns: Namespace, part: str) -> None:
    kill(ns, part)
    ns.until(ns.cluster.api.healthy, "the API server answers")
    ns.until(lambda: all(map(is_ready, ns.cluster.api.get("/api/v1/nodes")["items"])), "all nodes are Ready")


def test_the_cluster_works_after_all_that(ns: Namespace) -> None:
    ns.apply(web("web", {"app": "web"}, nodeName="node1"), service("web"))
    ns.until_ready("web")
    asker = pod("asks", container(["python3", "-uc", FETCH, f"http://web.{ns.name}"], image=PYTHON))
    ns.apply(asker)
    ns.until_log("asks", "200")


def test_a_stopped_control_plane_goes_on_when_continued(ns: Namespace) -> None:
    pid = ns.cluster.processes["kube-apiserver"]
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(0.5)
        assert ns.cluster.processes["kube-apiserver"] == pid
    finally:
        os.kill(pid, signal.SIGCONT)
    ns.until(ns.cluster.api.healthy, "it answers")


def test_a_node_is_lost_and_comes_back(ns: Namespace) -> None:
    soon = [{"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
            for why in ("unreachable", "not-ready")]  # fmt: skip
    ns.apply(
        web("lost", {"app": "web"}, nodeName="node2", tolerations=soon),
        web("stays", {"app": "web"}, nodeName="node2"),
        service("web"),
    )
    ns.until_ready("lost", "stays")
    address = ns.pod("stays")["status"]["podIP"]
    ns.cluster.node_down(2)
    assert "kubelet-node2" not in ns.cluster.processes
    reach = ["curl", "--silent", "--max-time", "1", f"http://{address}:8000/"]
    assert ns.cluster.exec(reach, check=False).returncode == 28, "packets vanish: a timeout, no refusal"

    def node_ready() -> bool:
        return is_ready(ns.cluster.api.get("/api/v1/nodes/node2"))

    ns.until(lambda: not node_ready(), "the node is NotReady")
    ns.until(lambda: "deletionTimestamp" in ns.pod("lost")["metadata"], "its Pod is evicted")
    ns.until(lambda: not is_ready(ns.pod("stays")), "its other Pod is not Ready")

    ns.cluster.node_up(2)
    ns.until(node_ready, "the node is Ready")
    ns.until_gone("lost")
    ns.until(lambda: is_ready(ns.pod("stays")) and ns.restarts("stays") == 1, "the Pod runs again")


def test_a_containers_process_is_found(ns: Namespace) -> None:
    ns.apply(pod("sleeps", container(["sleep", "4321"])))
    ns.until_ready("sleeps")
    pid = ns.cluster.container_pid(ns.name, "sleeps", "main")
    assert command(pid) == ["sleep", "4321"]
    os.kill(pid, signal.SIGKILL)
    ns.until(lambda: ns.restarts("sleeps") == 1, "kubelet starts it again")
    assert ns.cluster.container_pid(ns.name, "sleeps", "main") != pid
    with pytest.raises(ClusterError, match="does not run"):
        ns.cluster.container_pid(ns.name, "sleeps", "other")
